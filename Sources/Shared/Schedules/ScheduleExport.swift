import Checkpoints
import Diagnostics
import Diffusion
import Formats
import Solvers

/// A schedule written for another program, by consumer. Noise levels are s = sigma / alpha, falling.
package struct ScheduleExport: Sendable {
    package enum Format: String, Sendable, CaseIterable {
        /// One line for ComfyUI's ManualSigmas: fixed-point decimals only, since its parser breaks exponents.
        case comfy
        /// A Python list for the samplers of k-diffusion, A1111 and Forge.
        case kDiffusion = "kdiffusion"
        /// `sigmas=` of diffusers' Euler scheduler, with the final value.
        case diffusersSigmas = "diffusers-sigmas"
        /// `timesteps=` of diffusers' schedulers: whole numbers, one a step; for vp-discrete processes.
        case diffusersTimesteps = "diffusers-timesteps"
        /// `--sigmas` of stable-diffusion.cpp.
        case stableDiffusionCPP = "sdcpp"
        /// Everything, as ld3-sample reads it back.
        case json
        /// F64: the times [N + 1], or times and model times [2, N + 1].
        case npy
        /// LD3's own file: best_t_steps = cat(t, tau) as float32.
        case ld3 = "ld3-pt"

        var carriesModelTimes: Bool { [.json, .npy, .ld3].contains(self) }

        /// Whether it is a list of noise levels, with a last one, which a `Terminal` sets.
        package var listsSigmas: Bool { [.comfy, .kDiffusion, .diffusersSigmas, .stableDiffusionCPP].contains(self) }
    }

    /// What the last value is: learned lists end at sigma_min, consumers disagree about the step to zero.
    package enum Terminal: String, Sendable, CaseIterable {
        case keep
        /// As ComfyUI's own nodes: the last step reaches zero, the number of evaluations stays.
        case replaceZero = "replace-zero"
        /// As A1111: one more step and evaluation.
        case appendZero = "append-zero"
    }

    package var format: Format
    package var terminal: Terminal
    /// Lets a format that cannot carry decoupled times or learned coefficients leave them out.
    package var dropsModelTimes: Bool
    /// Steps of a list that is interpolated, linearly in log sigma, instead of as learned.
    package var resampledSteps: Int?
    /// Where a list begins instead, for denoising a picture that has so much noise.
    package var firstSigma: Double?
    /// The validation loss of the same times with the network asked at them, for the message; nil where not known.
    package var tiedLoss: Double?

    /// - Parameter terminal: nil for what the consumer's own lists do.
    package init(
        _ format: Format, terminal: Terminal? = nil, dropsModelTimes: Bool = false, tiedLoss: Double? = nil
    ) {
        self.format = format
        self.terminal = terminal ?? (format.listsSigmas ? .replaceZero : .keep)
        self.dropsModelTimes = dropsModelTimes
        self.tiedLoss = tiedLoss
    }

    /// The file's bytes, and what the user should know about them.
    ///
    /// Throws a usage failure where the format would lose decoupled times or coefficients that were not given up, or
    /// cannot express the schedule.
    package func callAsFunction(_ schedule: Schedule) throws -> (bytes: [UInt8], notes: [String]) {
        guard schedule.process != .flow || [.json, .npy, .ld3].contains(format) else {
            throw Failure(.usage, place: "export \(format.rawValue)", "a flow's start has no finite sigma")
        }
        var notes = try lossNotes(schedule)
        let sigmas =
            format.listsSigmas ? terminated(try changed(schedule.times.map { schedule.process.scaledSigma($0) })) : []
        let bytes: [UInt8]
        switch format {
        case .comfy: bytes = line(sigmas.map { decimal($0, atMost: 12) }.joined(separator: ", "))
        case .kDiffusion, .diffusersSigmas: bytes = line("[" + sigmas.map { decimal($0, atMost: 12) }.joined(separator: ", ") + "]")
        case .stableDiffusionCPP: bytes = line(sigmas.map { decimal($0, atMost: 12) }.joined(separator: ","))
        case .diffusersTimesteps:
            let steps = try timesteps(schedule)
            bytes = line("[" + steps.map(String.init).joined(separator: ", ") + "]")
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

    /// The levels resampled, then cut off at the first sigma, as asked. Throws where they do not reach so far.
    private func changed(_ sigmas: [Double]) throws -> [Double] {
        var sigmas = sigmas
        guard let first = sigmas.first, let last = sigmas.last else { return sigmas }
        if let steps = resampledSteps {
            guard last > 0 else { throw Failure(.usage, place: "resampled steps", "needs a last sigma above zero") }
            sigmas = [first] + TabulatedSchedule.interpolated(sigmas, steps: steps).dropFirst().dropLast() + [last]
        }
        guard let start = firstSigma else { return sigmas }
        // A level that was rounded for print is still that level, not one more step.
        let slack = 1e-6 * start
        guard start <= first + slack, start > last + slack else {
            throw Failure(.usage, place: "first sigma", "\(start) is not within the schedule's \(first) to \(last)")
        }
        return [start] + sigmas.filter { $0 < start - slack }
    }

    private func terminated(_ sigmas: [Double]) -> [Double] {
        switch terminal {
        case .keep: sigmas
        case .replaceZero: sigmas.dropLast() + [0]
        case .appendZero: sigmas + [0]
        }
    }

    private func line(_ text: String) -> [UInt8] { Array((text + "\n").utf8) }

    /// n = N t - 1 for every step's start, rounded: the schedulers take whole numbers and truncate others.
    private func timesteps(_ schedule: Schedule) throws -> [Int] {
        guard case .vpDiscrete(let table) = schedule.process else {
            throw Failure(
                .usage, place: "export \(format.rawValue)",
                "needs a vp-discrete process, not \(schedule.process.spelling)")
        }
        let steps = schedule.times.dropLast().map { time in
            min(max(Int((Double(table.count) * time - 1).rounded()), 0), table.count - 1)
        }
        for (step, next) in zip(steps, steps.dropFirst()) where step <= next {
            throw Failure(
                .usage, place: "export \(format.rawValue)", "two steps round to time step \(next)",
                suggestion: "export diffusers-sigmas")
        }
        return steps
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

    /// Throws a usage failure where schedules still to be fitted, with model times or coefficients of their own, would lose
    /// what was not given up.
    package func check(modelTimes: Bool, coefficients: Bool) throws {
        let lost = lost(modelTimes: modelTimes, coefficients: coefficients)
        guard lost.isEmpty || dropsModelTimes else {
            throw refusal(loss(of: lost, "will have") + "; what that costs is told after the fit")
        }
    }

    /// What the format cannot carry.
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
