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
        /// The argument `timesteps` of diffusers' schedulers, for each step: a whole number for processes with a noise table, 1000 t
        /// for flows.
        case diffusersTimesteps = "diffusers-timesteps"
        /// The list of sigmas of stable-diffusion.cpp.
        case stableDiffusionCPP = "sdcpp"
        /// The whole schedule, which our programs read back.
        case json
        /// The times [N + 1], or times and model times [2, N + 1], in F64.
        case npy
        /// The file of the reference LD3: times and then model times as float32.
        case ld3 = "ld3-pt"

        /// Whether it tells noise levels rather than times.
        package var needsNoiseLevels: Bool { ![.json, .npy, .ld3].contains(self) }

        var carriesModelTimes: Bool { [.json, .npy, .ld3].contains(self) }

        /// Whether it is a list of noise levels, the last of which a `Terminal` sets.
        package var listsSigmas: Bool { [.comfy, .kDiffusion, .diffusersSigmas, .stableDiffusionCPP].contains(self) }
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
    /// The number of steps to which a list is interpolated, linearly in log sigma; nil for the learned steps.
    package var resampledSteps: Int?
    /// The noise level at which a list begins, for a picture that has so much noise; nil for the start of the process.
    package var firstSigma: Double?
    /// The validation loss of the times without model times of their own, for a message; nil if it is not known.
    package var tiedLoss: Double?

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
        guard schedule.process.hasNoiseLevels || !format.needsNoiseLevels else {
            throw Failure(
                .usage, place: "export \(format.rawValue)", "the sampler's times have no noise levels",
                suggestion: "export json or npy")
        }
        var notes = try lossNotes(schedule)
        let sigmas =
            format.listsSigmas ? terminated(try changed(schedule.times.map { schedule.process.listedSigma($0) })) : []
        let bytes: [UInt8]
        switch format {
        case .comfy: bytes = line(sigmas.map { decimal($0, atMost: 12) }.joined(separator: ", "))
        case .kDiffusion, .diffusersSigmas:
            bytes = line("[" + sigmas.map { decimal($0, atMost: 12) }.joined(separator: ", ") + "]")
        case .stableDiffusionCPP: bytes = line(sigmas.map { decimal($0, atMost: 12) }.joined(separator: ","))
        case .diffusersTimesteps:
            bytes = line("[" + (try timesteps(schedule)).joined(separator: ", ") + "]")
        case .json: bytes = Array(try schedule.json().indentedText.utf8)
        case .npy: bytes = try array(schedule)
        case .ld3:
            let values = (schedule.times + schedule.modelTimes).map { Float($0) }
            let tensor = NamedTensor(name: "best_t_steps", shape: [values.count], floats: values)
            bytes = try TorchWriter.serialize([tensor])
        }
        if format.listsSigmas {
            notes += consumerNotes(schedule, values: sigmas.count)
        }
        return (bytes, notes)
    }

    // MARK: Numbers

    /// Returns the levels, interpolated and begun at the first sigma if that is asked for. Throws a usage failure if they do
    /// not reach so far.
    private func changed(_ sigmas: [Double]) throws -> [Double] {
        var sigmas = sigmas
        guard let first = sigmas.first, let last = sigmas.last else { return sigmas }
        if let steps = resampledSteps {
            sigmas = try resampled(sigmas, steps: steps)
        }
        guard let start = firstSigma else { return sigmas }
        // A level that was rounded when it was printed is that level, not one more step.
        let slack = 1e-6 * start
        guard start <= first + slack, start > last + slack else {
            throw Failure(.usage, place: "first sigma", "\(start) is not within the schedule's \(first) to \(last)")
        }
        return [start] + sigmas.filter { $0 < start - slack }
    }

    /// Returns the levels, interpolated linearly in log sigma. A last step to 0, whose logarithm is infinite, stays the last
    /// step.
    private func resampled(_ sigmas: [Double], steps: Int) throws -> [Double] {
        let positive = sigmas.filter { $0 > 0 }
        let inner = steps - (sigmas.count - positive.count)
        guard positive.count > 1, inner > 0 else {
            throw Failure(
                .usage, place: "resampled steps", "a list of \(sigmas.count) values that ends at 0 cannot have \(steps)"
            )
        }
        let ends = (first: positive[0], last: positive[positive.count - 1])
        return [ends.first] + TabulatedSchedule.interpolated(positive, steps: inner).dropFirst().dropLast()
            + [ends.last] + sigmas.dropFirst(positive.count)
    }

    private func terminated(_ sigmas: [Double]) -> [Double] {
        switch terminal {
        case .keep: sigmas
        case .replaceZero: sigmas.dropLast() + [0]
        case .appendZero: sigmas + [0]
        }
    }

    private func line(_ text: String) -> [UInt8] { Array((text + "\n").utf8) }

    /// Returns the time step at the start of each step: n = N t - 1 for a noise table, rounded, since the schedulers truncate
    /// what is no whole number, and 1000 t on a flow.
    private func timesteps(_ schedule: Schedule) throws -> [String] {
        let process = schedule.process
        let exact = schedule.times.compactMap { process.timestep($0) }
        guard exact.count == schedule.times.count else {
            throw Failure(
                .usage, place: "export \(format.rawValue)",
                "needs a process with time steps, vp-discrete or flow, not \(process.spelling)")
        }
        guard let table = process.table else { return exact.dropLast().map { decimal($0, atMost: 12) } }
        let steps = exact.dropLast().map { min(max(Int($0.rounded()), 0), table.count - 1) }
        for (step, next) in zip(steps, steps.dropFirst()) where step <= next {
            throw Failure(
                .usage, place: "export \(format.rawValue)", "two steps round to time step \(next)",
                suggestion: "export diffusers-sigmas")
        }
        return steps.map(String.init)
    }

    private func array(_ schedule: Schedule) throws -> [UInt8] {
        let count = schedule.times.count
        if schedule.isTied || dropsModelTimes {
            return try NPY.serialize(NamedTensor(name: "t", shape: [count], doubles: schedule.times))
        }
        return try NPY.serialize(
            NamedTensor(name: "t", shape: [2, count], doubles: schedule.times + schedule.modelTimes))
    }

    // MARK: Notes

    /// Throws a usage failure if schedules that are still to be fitted, with model times or coefficients of their own, would
    /// lose what may not be left out.
    package func check(modelTimes: Bool, coefficients: Bool) throws {
        let lost = lost(modelTimes: modelTimes, coefficients: coefficients)
        guard lost.isEmpty || dropsModelTimes else {
            throw refusal(loss(of: lost, "will have") + "; what that costs is told after the fit")
        }
    }

    /// Returns what the format cannot carry.
    private func lost(modelTimes: Bool, coefficients: Bool) -> [String] {
        var lost: [String] = []
        if modelTimes, !format.carriesModelTimes { lost.append("model times of its own") }
        if coefficients, format != .json { lost.append("learned coefficients") }
        return lost
    }

    private func loss(of lost: [String], _ has: String) -> String {
        "the schedule \(has) \(lost.joined(separator: " and ")), which \(format.rawValue) cannot carry"
    }

    private func refusal(_ message: String) -> Failure {
        Failure(
            .usage, place: "export \(format.rawValue)", message,
            suggestion: "drop them with <dropped model times>, learn with <tied times>, or export json")
    }

    private func lossNotes(_ schedule: Schedule) throws -> [String] {
        let lost = lost(modelTimes: !schedule.isTied, coefficients: schedule.coefficients != nil)
        guard !lost.isEmpty else { return [] }
        let change = [
            schedule.lossAfter.map { "the validation loss with them is \($0)" }, tiedLoss.map { "without \($0)" },
        ]
        .compactMap { $0 }.joined(separator: ", ")
        let message = loss(of: lost, "has") + (change.isEmpty ? "" : "; \(change)")
        guard dropsModelTimes else { throw refusal(message) }
        return [message]
    }

    private func consumerNotes(_ schedule: Schedule, values: Int) -> [String] {
        let steps = values - 1
        let ending = terminal == .keep ? "" : "; the last step goes to 0"
        let evaluations = terminal == .appendZero ? ", one evaluation more than learned" : ""
        var notes = ["\(values) values, \(steps) steps\(ending)\(evaluations)"]
        if resampledSteps != nil { notes.append("interpolated, not learned for this number of steps") }
        if let firstSigma { notes.append("for a start with noise \(firstSigma), which it was not learned for") }
        if let sampler = schedule.solver.comfySampler {
            notes.append("made for solver \(schedule.solver.name): sampler \(sampler)")
        } else {
            notes.append("made for solver \(schedule.solver.name), which has no counterpart in k-diffusion or ComfyUI")
        }
        return notes
    }
}
