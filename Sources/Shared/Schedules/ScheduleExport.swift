import Checkpoints
import Diagnostics
import Diffusion
import Formats
import Solvers

/// A schedule written for another program. Noise levels are s = sigma / alpha, or sigma on a flow, and fall.
package struct ScheduleExport: Sendable {
    package enum Format: String, Sendable, CaseIterable {
        /// One line for ComfyUI's ManualSigmas, without exponents, which its parser breaks.
        case comfy
        /// A Python list for the samplers of k-diffusion, A1111 and Forge.
        case kDiffusion = "kdiffusion"
        /// The argument `sigmas` of diffusers' Euler scheduler, with the last value.
        case diffusersSigmas = "diffusers-sigmas"
        /// The argument `timesteps` of diffusers' schedulers, for each step: a whole number for processes with a noise table,
        /// 1000 t for flows.
        case diffusersTimesteps = "diffusers-timesteps"
        /// The list of sigmas of stable-diffusion.cpp.
        case stableDiffusionCPP = "sdcpp"
        /// A table of all that a step may be told by: t, model time, sigma, log-SNR and time step.
        case table = "all"
        /// The whole schedule, which our programs read back.
        case json
        /// The times [N + 1], or times and model times [2, N + 1], in F64.
        case npy
        /// The file of the reference LD3: times and then model times as float32.
        case ld3 = "ld3-pt"

        /// Whether it tells noise levels or time steps alone.
        package var needsNoiseLevels: Bool { listsSigmas || self == .diffusersTimesteps }

        var carriesModelTimes: Bool { !needsNoiseLevels }

        /// Whether it is a list of noise levels, the last of which a `Terminal` sets.
        package var listsSigmas: Bool { [.comfy, .kDiffusion, .diffusersSigmas, .stableDiffusionCPP].contains(self) }

        /// Whether people can read it.
        package var isText: Bool { self != .npy && self != .ld3 }

        /// Whether several schedules can follow each other.
        package var holdsSeveral: Bool { isText && self != .table }
    }

    /// The last value. Learned lists end at sigma_min. Consumers disagree about the step to zero.
    package enum Terminal: String, Sendable, CaseIterable {
        case keep
        /// Zero in place of the last value, as in ComfyUI's own nodes. The number of evaluations stays.
        case replaceZero = "replace-zero"
        /// Zero after the last value, as in A1111. There is one more step and evaluation.
        case appendZero = "append-zero"
    }

    package var format: Format
    package var terminal: Terminal
    /// Whether a format that cannot carry model times or learned coefficients may leave them out.
    package var dropsModelTimes: Bool
    /// The range of sigma to which a list is rescaled, linearly in log sigma; nil for the learned range.
    package var range: ClosedRange<Double>?
    /// The number of steps to which a list is interpolated, linearly in log sigma; nil for the learned steps.
    package var resampledSteps: Int?
    /// The noise level at which a list begins, for a picture that has so much noise; nil for the start of the process.
    package var firstSigma: Double?
    /// The noise level at which the list is cut into two, for two models; nil for one list.
    package var cutSigma: Double?
    /// The validation loss of the times without model times of their own, for a message; nil if it is not known.
    package var tiedLoss: Double?
    /// Whether the notes name the solver. A bare list was made for none.
    package var namesSolver = true

    /// Makes an export. If `terminal` is nil, the list ends as the consumer's own lists do.
    package init(
        _ format: Format, terminal: Terminal? = nil, dropsModelTimes: Bool = false, tiedLoss: Double? = nil
    ) {
        self.format = format
        self.terminal = terminal ?? (format.listsSigmas ? .replaceZero : .keep)
        self.dropsModelTimes = dropsModelTimes
        self.tiedLoss = tiedLoss
    }

    /// Returns the file's bytes, and what the user should know about them.
    ///
    /// Throws a usage failure if the format would lose model times or coefficients that may not be left out, or cannot
    /// express the schedule.
    package func callAsFunction(_ schedule: Schedule) throws -> (bytes: [UInt8], notes: [String]) {
        try check(process: schedule.process, steps: schedule.steps)
        var notes = try lossNotes(schedule)
        let bytes: [UInt8]
        switch format {
        case .comfy, .kDiffusion, .diffusersSigmas, .stableDiffusionCPP:
            let exported = try levels(schedule)
            bytes = lines(exported.lists.map(text))
            notes += exported.notes + consumerNotes(schedule, exported.lists, last: exported.last)
        case .diffusersTimesteps:
            let (steps, note) = timesteps(schedule)
            bytes = lines(["[" + steps.joined(separator: ", ") + "]"])
            notes += [note].compactMap { $0 }
        case .table: bytes = lines(table(schedule).map { $0.joined(separator: "\t") })
        case .json: bytes = Array(try schedule.json().indentedText.utf8)
        case .npy: bytes = try array(schedule)
        case .ld3:
            let values = (schedule.times + schedule.modelTimes).map { Float($0) }
            bytes = try TorchWriter.serialize([NamedTensor(name: "best_t_steps", shape: [values.count], floats: values)]
            )
        }
        return (bytes, notes + [guidanceNote(schedule)].compactMap(\.self))
    }

    // MARK: Forms

    private func lines(_ lines: [String]) -> [UInt8] { Array((lines.joined(separator: "\n") + "\n").utf8) }

    private func text(_ levels: [Double]) -> String {
        let numbers = levels.map { level in
            // Twelve decimals, or twelve digits of a very small level, which must not become 0.
            decimal(level, atMost: level > 0 && level < 1e-6 ? 12 - level.exponent * 3 / 10 : 12)
        }
        return switch format {
        case .comfy: numbers.joined(separator: ", ")
        case .stableDiffusionCPP: numbers.joined(separator: ",")
        default: "[" + numbers.joined(separator: ", ") + "]"
        }
    }

    /// Returns the time step at the start of each step, and a note if some were moved.
    private func timesteps(_ schedule: Schedule) -> (steps: [String], note: String?) {
        let exact = schedule.times.compactMap { schedule.process.timestep($0) }
        let rounded = exact.dropLast().map { $0.rounded() }
        guard let whole = wholeTimesteps(schedule) else {
            return (exact.dropLast().map { decimal($0, atMost: 12) }, nil)
        }
        let moved = zip(whole, rounded).count { Double($0) != $1 }
        return (
            whole.map(String.init),
            moved == 0 ? nil : "\(counted(moved, "time step")) moved, so that no two are the same"
        )
    }

    /// Returns the time steps of a noise table as whole numbers, since the schedulers truncate others. No two are the same.
    /// Returns nil if the process has no table, or fewer time steps than there are steps.
    private func wholeTimesteps(_ schedule: Schedule) -> [Int]? {
        let exact = schedule.times.compactMap { schedule.process.timestep($0) }
        guard let table = schedule.process.table, exact.count <= table.count, let end = exact.last else { return nil }
        var steps = exact.dropLast().map { min(Int($0.rounded()), table.count - 1) }
        for index in steps.indices.dropFirst() { steps[index] = min(steps[index], steps[index - 1] - 1) }
        var least = Int(end.rounded(.down)) + 1
        for index in steps.indices.reversed() {
            steps[index] = max(steps[index], least)
            least = steps[index] + 1
        }
        return steps
    }

    /// Returns a line of names and a line for each time.
    private func table(_ schedule: Schedule) -> [[String]] {
        let process = schedule.process
        let quantities = TabulatedSchedule.Quantity.allCases.filter { $0.value(of: process.start, process) != nil }
        let untied = !schedule.isTied && !dropsModelTimes
        var rows = [
            ["step"] + quantities.map(\.singular) + (untied ? [TabulatedSchedule.Quantity.modelTimesColumn] : [])
        ]
        let whole = wholeTimesteps(schedule)
        for (step, t) in schedule.times.enumerated() {
            var cells = ["\(step)"]
            for quantity in quantities {
                if quantity == .timestep, let whole, step < whole.count {
                    cells.append("\(whole[step])")
                } else if let value = quantity.value(of: t, process) {
                    cells.append(shortest(value))
                }
            }
            rows.append(cells + (untied ? [shortest(schedule.modelTimes[step])] : []))
        }
        return rows
    }

    private func array(_ schedule: Schedule) throws -> [UInt8] {
        let count = schedule.times.count
        if schedule.isTied || dropsModelTimes {
            return try NPY.serialize(NamedTensor(name: "t", shape: [count], doubles: schedule.times))
        }
        return try NPY.serialize(
            NamedTensor(name: "t", shape: [2, count], doubles: schedule.times + schedule.modelTimes))
    }
}
