import Checkpoints
import Diagnostics
import Formats

extension TabulatedSchedule {
    /// Reads the user's list: text, JSON, npy or safetensors, or the .pt of the reference LD3, which holds times and model
    /// times. If `quantity` is nil, the name in a JSON object or safetensors file tells it (sigmas, logsnrs, times), and a
    /// bare list holds sigmas.
    ///
    /// Throws `.data` if it has fewer than two numbers.
    package init(file path: String, quantity: Quantity? = nil) throws {
        try self.init(NumberList.contents(path: path), path: path, quantity: quantity)
    }

    /// Reads the list in the bytes of the file at `path`, as `init(file:quantity:)` does.
    init(_ bytes: [UInt8], path: String, quantity: Quantity? = nil) throws {
        let region = ByteRegion(bytes)
        if ZipArchive.isArchive(region) {
            self = try locating(path) { try Self.referenceResult(CheckpointFile(region, path: path), path: path) }
            return
        }
        let names = (quantity.map { [$0] } ?? Quantity.allCases).map(\.rawValue)
        let list = try locating(path) { try NumberList(parsing: bytes, names: names) }
        guard list.values.count >= 2 else {
            throw Failure(.data, place: path, "a schedule needs at least 2 values, not \(list.values.count)")
        }
        self.init(
            spelling: (quantity.map { "\($0.rawValue):" } ?? "") + path,
            quantity: quantity ?? list.name.flatMap(Quantity.init(rawValue:)) ?? .sigma, lists: [list.values])
    }

    /// Reads best_t_steps, in which the reference's trainer keeps times and then model times in float32.
    private static func referenceResult(_ source: CheckpointFile, path: String) throws -> TabulatedSchedule {
        let name = "best_t_steps"
        guard source.tensorNames.contains(name) else {
            throw Failure(.data, place: path, "holds no \(name), as LD3's results do")
        }
        let values = try source.floats(name).map { Double($0) }
        guard values.count >= 4, values.count % 2 == 0 else {
            throw Failure(.data, place: path, "\(name) must hold as many model times as times, at least 2 of each")
        }
        let count = values.count / 2
        return TabulatedSchedule(
            spelling: path, quantity: .time, lists: [Array(values[..<count])], modelTimes: Array(values[count...]))
    }

    /// Reads the file of `sigmas:FILE`, `logsnrs:FILE` or `times:FILE`, or finds a table of `PublishedSchedules`. Returns nil
    /// for anything else.
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
