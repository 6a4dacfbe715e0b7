import Checkpoints
import Diagnostics
import Diffusion
import Formats
import Tensors

/// Noise levels listed by someone: a published table, or the user's own file.
package struct TabulatedSchedule: Sendable, Equatable {
    /// What the numbers are.
    package enum Quantity: String, Sendable, CaseIterable {
        /// s = sigma / alpha.
        case sigma = "sigmas"
        /// lambda, half the log-SNR.
        case logSNR = "logsnrs"
        /// The process' own t.
        case time = "times"
    }

    /// As `--schedule` spells it.
    package let spelling: String
    package let quantity: Quantity
    /// One list a number of steps, of steps + 1 values from noise to data.
    package let lists: [[Double]]
    /// Whether other numbers of steps are had by log-linear interpolation (M8.3).
    package let interpolates: Bool
    /// tau_0 ... tau_N in the process' own t, where a file of LD3's tells them; for its one list.
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

    /// The number of steps where there is but one list that is not interpolated.
    package var fixedSteps: Int? { lists.count == 1 && !interpolates ? lists[0].count - 1 : nil }

    /// The times for `steps` steps of `process`. End values within 0.2 % of the process' own are set to it exactly;
    /// published digits are few.
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
                "starts at sigma = \(process.scaledSigma(times[0])), the process \(process.spelling) at "
                    + "\(process.scaledSigma(process.start))",
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

    /// log s linear between the entries, both lists spread evenly over [0, 1] (M8.3).
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
    /// The user's list: text, JSON, npy or safetensors, or LD3's own .pt, which holds times and model times. Without
    /// `quantity` the name in a JSON object or safetensors file tells (sigmas, logsnrs, times), and a bare list is of
    /// sigmas.
    ///
    /// Throws where it has fewer than two numbers, or does not fall.
    package init(file path: String, quantity: Quantity? = nil) throws {
        if try NumberList.isZip(path: path) {
            self = try Self.referenceResult(path)
            return
        }
        var last: any Error = Failure(.data, place: path, "holds no list")
        for candidate in quantity.map({ [$0] }) ?? Quantity.allCases {
            do {
                let values = try NumberList.read(path: path, names: [candidate.rawValue])
                guard values.count >= 2 else {
                    throw Failure(.data, place: path, "a schedule needs at least 2 values, not \(values.count)")
                }
                let spelling = (quantity.map { "\($0.rawValue):" } ?? "") + path
                self.init(spelling: spelling, quantity: candidate, lists: [values])
                return
            } catch {
                last = error
            }
        }
        throw last
    }

    /// best_t_steps = cat(t, tau) of the official trainer, in float32.
    private static func referenceResult(_ path: String) throws -> TabulatedSchedule {
        let name = "best_t_steps"
        let source = try CheckpointFile.open(path)
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

    /// Parses `sigmas:FILE`, `logsnrs:FILE`, `times:FILE` and the names of `PublishedSchedules`; nil for anything else.
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
