import Diagnostics
import Diffusion
import Tensors

/// Listed noise levels: a published table, or the user's own file.
package struct TabulatedSchedule: Sendable, Equatable {
    /// The name of the table, or the file.
    package let spelling: String
    package let quantity: Quantity
    /// A list for each number of steps, with steps + 1 values from noise to data.
    package let lists: [[Double]]
    /// Whether lists for other numbers of steps are interpolated, linearly in log s.
    package let interpolates: Bool
    /// The model times of the one list, in the process' own t, if a file tells them.
    package let modelTimes: [Double]?
    /// The numbers of the one list as they stand in the user's text, for messages; empty for other lists.
    let words: [String]
    /// Its places in other quantities, if the file of the one list tells them too.
    let others: [Column]

    /// A column of a table, or a list beside the one that is read.
    struct Column: Sendable, Equatable {
        let quantity: Quantity
        let values: [Double]
    }

    package init(
        spelling: String, quantity: Quantity, lists: [[Double]], interpolates: Bool = false,
        modelTimes: [Double]? = nil, words: [String] = []
    ) {
        self.init(
            spelling: spelling, quantity: quantity, lists: lists, interpolates: interpolates, modelTimes: modelTimes,
            words: words, others: [])
    }

    init(
        spelling: String, quantity: Quantity, lists: [[Double]], interpolates: Bool = false,
        modelTimes: [Double]? = nil,
        words: [String], others: [Column]
    ) {
        self.spelling = spelling
        self.quantity = quantity
        self.lists = lists
        self.interpolates = interpolates
        self.modelTimes = modelTimes
        self.words = words
        self.others = others
    }

    /// Returns the number of steps if there is only one list and it is not interpolated.
    ///
    /// - Parameter process: nil if it is not known yet, which matters for time steps alone.
    package func fixedSteps(process: NoiseProcess?) -> Int? {
        guard lists.count == 1, !interpolates else { return nil }
        return (process.map { reachingEnd(lists[0], $0) } ?? lists[0]).count - 1
    }

    /// Returns the times for `steps` steps of `process`. Values within 0.2 % of the process' ends are set to them exactly,
    /// since published lists have few digits.
    ///
    /// Throws a usage failure if there is no such list or if it starts elsewhere than the process, and `.data` if the list
    /// does not fall in noise or holds a number that the process does not have.
    package func times(steps: Int, process: NoiseProcess) throws -> [Double] {
        let values = try values(steps: steps, process)
        try requireValid(values)
        try requireOrder(values)
        var times = try values.map { value in
            guard let time = quantity.time(of: value, process) else {
                throw failure(
                    .usage, "holds \(quantity.rawValue), which the process \(process.spelling) does not have",
                    suggestion: "the <process> of the model may have them")
            }
            return time
        }
        guard Self.isStart(times[0], of: process) else { throw otherStart(values[0], process) }
        try requireAgreement(times, values, process)
        times[0] = process.start
        times[steps] = try end(times[steps], values[steps], process)
        for (index, time) in times.enumerated() where index > 0 && !(times[index - 1] > time) {
            throw failure(
                .data, "must fall in noise, but \(word(index, values)) follows \(word(index - 1, values))")
        }
        try requireModelTimes(of: process)
        return times
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

// MARK: - Checks

extension TabulatedSchedule {
    private static func isClose(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 2e-3 * abs(b) }

    /// Returns whether `time` is the start of the process, up to 0.2 % of s. Where s is infinite, t is compared.
    private static func isStart(_ time: Double, of process: NoiseProcess) -> Bool {
        let level = process.scaledSigma(process.start)
        return level.isFinite ? isClose(process.scaledSigma(time), level) : isClose(time, process.start)
    }

    /// Returns the last time, set to the end of the process if it is close, or to the time without noise if it is 0. Throws
    /// `.data` if it lies below that.
    private func end(_ time: Double, _ value: Double, _ process: NoiseProcess) throws -> Double {
        if Self.isClose(time, process.end) { return process.end }
        let free = process.noiseFreeTime
        guard time <= free else { return time }
        guard time >= 0 else {
            throw failure(
                .data, "ends at \(quantity.singular) = \(words.last ?? shortest(value))",
                suggestion: quantity == .timestep && process.table != nil
                    ? "the time steps of process \(process.spelling) end at 0, and -1 stands for the data"
                    : "no noise is left at \(quantity.value(of: free, process) ?? free)")
        }
        return free
    }

    /// Throws `.data` if a model time is no time of the process, or if the first is not its start.
    private func requireModelTimes(of process: NoiseProcess) throws {
        guard let modelTimes, let first = modelTimes.first else { return }
        let (start, free) = (process.start, process.hasNoiseLevels ? process.noiseFreeTime : process.end)
        for (index, time) in modelTimes.enumerated() where !(time >= free && time <= start * (1 + 2e-3)) {
            throw failure(
                .data,
                "model time \(index + 1), \(shortest(time)), is none of the process \(process.spelling), whose times fall "
                    + "from \(shortest(start)) to \(shortest(free))")
        }
        guard Self.isClose(first, start) else {
            throw failure(.data, "the model times start at \(shortest(first)), the process at \(shortest(start))")
        }
    }

    /// Throws `.data` if another column of the file tells other places than the times `times` of `values`.
    private func requireAgreement(_ times: [Double], _ values: [Double], _ process: NoiseProcess) throws {
        for column in others {
            for (row, (told, time)) in zip(column.values, times).enumerated() {
                guard let due = column.quantity.value(of: time, process) else { continue }
                guard !agree(told, due, column, process) else { continue }
                let (here, there) = ("\(quantity.singular) = \(word(row, values))", column.quantity.singular)
                throw failure(
                    .data,
                    "row \(row + 1): \(here) is \(there) = \(compact(due)) of the process \(process.spelling), but the "
                        + "column \(there) says \(shortest(told))",
                    suggestion: "name the <process> that the table was made for, or leave one column")
            }
        }
    }

    /// Returns whether two numbers of a column are the same to 0.2 % of s. Whole time steps are rounded, and moved by one for
    /// each step at most so that no two are the same; so all is compared in time steps if one side tells these.
    private func agree(_ told: Double, _ due: Double, _ column: Column, _ process: NoiseProcess) -> Bool {
        func timestep(_ value: Double) -> Double? { column.quantity.time(of: value, process).flatMap(process.timestep) }
        if quantity == .timestep || column.quantity == .timestep {
            guard let one = timestep(told), let other = timestep(due) else { return true }
            return abs(one - other) <= Double(column.values.count)
        }
        return column.quantity == .logSNR ? told == due || abs(told - due) <= 2e-3 : Self.isClose(told, due)
    }

    /// Throws `.data` if a value is infinite or a sigma negative. The log-SNR is infinite where there is no signal or no noise.
    private func requireValid(_ values: [Double]) throws {
        guard quantity != .logSNR else { return }
        for (index, value) in values.enumerated() {
            guard value.isFinite, quantity != .sigma || value >= 0 else {
                throw failure(
                    .data,
                    "number \(index + 1), \(word(index, values)), is \(value.isFinite ? "negative" : "infinite")",
                    suggestion: value.isFinite ? "no sigma is below 0, where no noise is left" : nil)
            }
        }
    }

    private func values(steps: Int, _ process: NoiseProcess) throws -> [Double] {
        let lists = lists.map { reachingEnd($0, process) }
        if let list = lists.first(where: { $0.count == steps + 1 }) { return list }
        guard interpolates, let list = lists.first else {
            let counts = lists.map { String($0.count - 1) }.joined(separator: ", ")
            throw failure(.usage, "has no list of \(steps) steps, only of \(counts)")
        }
        return Self.interpolated(list, steps: steps)
    }

    /// Returns the values with the end of the process behind them if they are time steps without it.
    private func reachingEnd(_ values: [Double], _ process: NoiseProcess) -> [Double] {
        guard quantity == .timestep, let last = values.last, let end = process.timestep(process.end), last > end else {
            return values
        }
        return values + [end]
    }

    /// Throws `.data` if the values do not go from noise to data.
    private func requireOrder(_ values: [Double]) throws {
        let signed = quantity.falls ? values : values.map { -$0 }
        guard let index = signed.indices.dropFirst().first(where: { !(signed[$0 - 1] > signed[$0]) }) else { return }
        guard !zip(signed, signed.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw failure(
                .data, "\(quantity.falls ? "rises" : "falls"), from data at \(word(0, values)) to noise",
                suggestion: "turn it round: a list goes from noise to data")
        }
        let position = "number \(index + 1), \(word(index, values)), follows \(word(index - 1, values))"
        throw failure(
            .data, "must \(quantity.falls ? "fall" : "rise"), but \(position)",
            suggestion: index > 1 && Self.isClose(signed[index], signed[0]) ? "does it hold two lists?" : nil)
    }

    /// Returns the failure of a list that starts elsewhere than the process.
    private func otherStart(_ value: Double, _ process: NoiseProcess) -> Failure {
        let expected = quantity.value(of: process.start, process) ?? process.start
        return failure(
            .usage,
            "starts at \(quantity.singular) = \(word(0, [value])), the process \(process.spelling) at \(expected)",
            suggestion: remedy(value, process)
                ?? "it was made for another model, whose <process> must be named, or must be rescaled")
    }

    /// Returns what to do about a list that starts at `value` if it seems to be one of a flow or of another quantity.
    private func remedy(_ value: Double, _ process: NoiseProcess) -> String? {
        let other = otherQuantity(value, process).map { "if these are \($0.rawValue), write \($0.rawValue):FILE" }
        guard quantity == .sigma, !process.startsWithoutSignal, Self.isClose(value, 1) else { return other }
        let flow = "if these are the sigmas of a flow, name <process> flow"
        return other.map { "\(flow); \($0)" } ?? flow
    }

    /// Returns what the list may hold instead of `quantity`: whole numbers that begin near 999 are time steps, and other
    /// numbers are a quantity in which the process starts at the first of them.
    private func otherQuantity(_ value: Double, _ process: NoiseProcess) -> Quantity? {
        if quantity != .timestep, (900...1000).contains(value), lists[0].allSatisfy({ $0 == $0.rounded() }) {
            return .timestep
        }
        return Quantity.allCases.first { other in
            other != quantity && other.time(of: value, process).map { Self.isStart($0, of: process) } == true
        }
    }

    private func word(_ index: Int, _ values: [Double]) -> String {
        index < words.count ? words[index] : shortest(values[index])
    }

    private func failure(_ status: ExitStatus, _ message: String, suggestion: String? = nil) -> Failure {
        Failure(status, place: "discretization \(spelling)", message, suggestion: suggestion)
    }
}
