import Checkpoints
import Diagnostics
import Formats

extension TabulatedSchedule {
    /// Reads the user's list: text, JSON, npy, npz or safetensors, or the .pt of the reference LD3, which holds times and
    /// model times. If `quantity` is nil, a name in the file tells it (times, sigmas, logsnrs, timesteps), and a bare list holds
    /// sigmas. Two rows of times are times and model times.
    ///
    /// Throws `.data` if the file holds no such list, or one that is too short.
    package init(file path: String, quantity: Quantity? = nil) throws {
        try self.init(NumberList.contents(path: path), path: path, quantity: quantity)
    }

    /// Reads the list in the bytes of the file at `path`, as `init(file:quantity:)` does.
    package init(_ bytes: [UInt8], path: String, quantity: Quantity? = nil) throws {
        let kind = FileKind(start: bytes)
        if [.torch, .pickle, .zip].contains(kind) {
            self = try locating(path) { try Self.referenceResult(bytes, path: path, isPickle: kind == .pickle) }
            return
        }
        let quantities = quantity.map { [$0] } ?? Quantity.allCases
        var list = try locating(path) {
            try Self.list(bytes, path: path, names: quantities.flatMap(\.names), isNPZ: kind == .npz)
        }
        let found = quantities.first { $0.names.contains(list.name ?? "") } ?? quantity ?? .sigma
        let (modelTimes, others) = try locating(path) {
            (try Self.modelTimes(&list, beside: found), try Self.others(than: found, in: list))
        }
        try locating(path) {
            do {
                try list.requireOneRow()
            } catch var failure as Failure {
                if list.others.count == 1, found != .time {
                    failure.suggestion = "times:FILE reads two as times and model times"
                }
                throw failure
            }
        }
        let least = found == .timestep ? 1 : 2
        guard list.values.count >= least else {
            throw Failure(
                .data, place: path, "a schedule needs at least \(counted(least, "value")), not \(list.values.count)")
        }
        self.init(
            spelling: (quantity.map { "\($0.rawValue):" } ?? "") + path, quantity: found, lists: [list.values],
            modelTimes: modelTimes, words: list.words, others: others)
    }

    /// Returns the columns beside the list that tell its places in other quantities. Time steps may lack the end. Throws
    /// `.data` if one has another length.
    private static func others(than found: Quantity, in list: NumberList) throws -> [Column] {
        try list.others.compactMap { name, values in
            guard let name, let quantity = Quantity.allCases.first(where: { $0.isNamed(name) }), quantity != found
            else {
                return nil
            }
            let count = list.values.count
            if values.count == count || quantity == .timestep && values.count == count - 1 {
                return Column(quantity: quantity, values: values)
            }
            guard found == .timestep, values.count == count + 1 else { throw otherLength(name, values, list) }
            return nil
        }
    }

    private static func otherLength(_ name: String, _ values: [Double], _ list: NumberList) -> Failure {
        Failure(
            .data,
            "holds \(counted(values.count, "number")) in \(name) beside \(list.values.count) in "
                + (list.name ?? "its list"))
    }

    private static func list(_ bytes: [UInt8], path: String, names: [String], isNPZ: Bool) throws -> NumberList {
        guard isNPZ else { return try NumberList(parsing: bytes, names: names) }
        let archive = try NPZFile(ByteRegion(bytes), path: path)
        return try NumberList(choosing: names, among: archive.names, name: { $0 }, kind: "array", read: archive.array)
    }

    /// Takes the model times out of a file: the list of that name, or the second of two rows of times. Throws `.data` if the
    /// list of that name is no list of as many numbers.
    private static func modelTimes(_ list: inout NumberList, beside found: Quantity) throws -> [Double]? {
        if let name = list.unreadable.first(where: Quantity.modelTimesNames.contains) {
            throw Failure(.data, "holds something in \(name) that is no number")
        }
        if let (name, values) = list.others.first(where: { Quantity.modelTimesNames.contains($0.name ?? "") }) {
            guard values.count == list.values.count else { throw otherLength(name ?? "", values, list) }
            return values
        }
        guard found == .time, list.others.count == 1, list.others[0].name == nil,
            list.others[0].values.count == list.values.count, list.values.count > 1
        else { return nil }
        return list.takeSecondRow()
    }

    /// Reads best_t_steps, in which the reference's trainer keeps times and then model times in float32.
    private static func referenceResult(_ bytes: [UInt8], path: String, isPickle: Bool) throws -> TabulatedSchedule {
        let name = "best_t_steps"
        let source: CheckpointFile
        do {
            source = try CheckpointFile(ByteRegion(bytes), path: path)
        } catch let failure as Failure where isPickle {
            throw Failure(
                .data, "is a Python pickle that holds no list: \(failure.message)",
                suggestion: "write its numbers as text, JSON or .npy")
        }
        guard source.tensorNames.contains(name) else {
            let names =
                source.tensorNames.prefix(8).joined(separator: ", ") + (source.tensorNames.count > 8 ? ", ..." : "")
            let classes = source.foreignGlobals.prefix(4).joined(separator: ", ")
            throw Failure(
                .data,
                "is \(isPickle ? "a Python pickle" : "a PyTorch file") that holds no \(name), as LD3's results do",
                suggestion: (names.isEmpty ? "it holds no tensors" : "it holds \(names)")
                    + (classes.isEmpty ? "" : ", and objects of \(classes)"))
        }
        let values = try source.floats(name).map { Double($0) }
        guard values.count >= 4, values.count % 2 == 0 else {
            throw Failure(.data, place: path, "\(name) must hold as many model times as times, at least 2 of each")
        }
        let count = values.count / 2
        return TabulatedSchedule(
            spelling: path, quantity: .time, lists: [Array(values[..<count])], modelTimes: Array(values[count...]))
    }

    /// Reads the file of `sigmas:FILE` or another quantity, or finds a table of `PublishedSchedules`. Returns nil for anything
    /// else.
    package init?(spelling: String) throws {
        let prefix = spelling.prefix { $0 != ":" }
        guard prefix.count < spelling.count else { return nil }
        if let quantity = Quantity(rawValue: String(prefix)) {
            try self.init(file: String(spelling.dropFirst(prefix.count + 1)), quantity: quantity)
        } else if let published = PublishedSchedules.all.first(where: { $0.spelling == spelling }) {
            self = published
        } else if PublishedSchedules.all.contains(where: { $0.spelling.hasPrefix(prefix + ":") }) {
            let names = PublishedSchedules.all.map(\.spelling).filter { $0.hasPrefix(prefix + ":") }
            throw Failure(unknown: spelling, choices: names)
        } else {
            return nil
        }
    }
}
