import Checkpoints
import Diagnostics
import Diffusion
import Formats
import Tensors

/// Listed noise levels: a published table, or the user's own file.
package struct TabulatedSchedule: Sendable, Equatable {
    /// The meaning of the numbers.
    package enum Quantity: String, Sendable, CaseIterable {
        /// s = sigma / alpha.
        case sigma = "sigmas"
        /// lambda, half the log-SNR.
        case logSNR = "logsnrs"
        /// The process' own t.
        case time = "times"
    }

    /// The name of the table, or the file.
    package let spelling: String
    package let quantity: Quantity
    /// A list for each number of steps, with steps + 1 values from noise to data.
    package let lists: [[Double]]
    /// Whether lists for other numbers of steps are interpolated, linearly in log s.
    package let interpolates: Bool
    /// The model times of the one list, in the process' own t, if a file of the reference LD3 tells them.
    package let modelTimes: [Double]?

    package init(
        spelling: String, quantity: Quantity, lists: [[Double]], interpolates: Bool = false, modelTimes: [Double]? = nil
    ) {
        self.spelling = spelling
        self.quantity = quantity
        self.lists = lists
        self.interpolates = interpolates
        self.modelTimes = modelTimes
    }

    /// The number of steps if there is only one list and it is not interpolated.
    package var fixedSteps: Int? { lists.count == 1 && !interpolates ? lists[0].count - 1 : nil }

    /// Returns the times for `steps` steps of `process`. Values within 0.2 % of the process' ends are set to them exactly,
    /// since published lists have few digits.
    ///
    /// Throws a usage failure if there is no such list or if it starts elsewhere than the process, and `.data` if the list
    /// does not fall.
    package func times(steps: Int, process: NoiseProcess) throws -> [Double] {
        var times = try values(steps: steps).map { value -> Double in
            switch quantity {
            case .sigma: process.time(scaledSigma: value)
            case .logSNR: process.time(lambda: value)
            case .time: value
            }
        }
        func isClose(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 2e-3 * abs(b) }
        guard isClose(process.scaledSigma(times[0]), process.scaledSigma(process.start)) || times[0] == process.start
        else {
            throw Failure(
                .usage, place: "discretization \(spelling)",
                process.hasNoiseLevels
                    ? "starts at sigma = \(process.scaledSigma(times[0])), the process \(process.spelling) at "
                        + "\(process.scaledSigma(process.start))"
                    : "starts at t = \(times[0]), the sampler at \(process.start)",
                suggestion: "it was made for another model")
        }
        times[0] = process.start
        if isClose(times[steps], process.end) { times[steps] = process.end }
        for (time, next) in zip(times, times.dropFirst()) where !(time > next) {
            throw Failure(.data, place: "discretization \(spelling)", "must fall in noise; t = \(next) follows \(time)")
        }
        return times
    }

    private func values(steps: Int) throws -> [Double] {
        if let list = lists.first(where: { $0.count == steps + 1 }) { return list }
        guard interpolates, let list = lists.first else {
            let counts = lists.map { String($0.count - 1) }.joined(separator: ", ")
            throw Failure(
                .usage, place: "discretization \(spelling)", "has no list of \(steps) steps, only of \(counts)")
        }
        return Self.interpolated(list, steps: steps)
    }

    /// Returns steps + 1 values, with log s linear between the entries of `list` (docs/methods/ays.md, "Other numbers of
    /// steps").
    package static func interpolated(_ list: [Double], steps: Int) -> [Double] {
        let logarithms = list.map { Double.log($0) }
        return (0...steps).map { step in
            let position = Double(step) / Double(steps) * Double(list.count - 1)
            let index = min(Int(position), list.count - 2)
            let fraction = position - Double(index)
            return Double.exp(logarithms[index] + fraction * (logarithms[index + 1] - logarithms[index]))
        }
    }
}

// MARK: - Files

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
