import Diagnostics
import Diffusion
import Formats
import Solvers
import TensorStream
import Tensors

/// A sampler in another process, which owns the network and the update of its state; we own the times (docs/STREAM.md, "Foreign
/// samplers"). One request is in flight at a time.
///
/// An answer depends on its request alone, so nothing is held between frames: a gradient asks for each step again, with the
/// cotangent, from the states that were kept.
package final class ForeignStepper: Sampler {
    /// The frame in which the process introduced itself.
    package let model: ModelFrame
    package let stepper: StepperDescription
    /// A process of ours, or the interval of its times.
    package let process: NoiseProcess
    private let conversation: SharedConversation

    /// Takes over a conversation of which the model frame has been read.
    init(
        _ conversation: sending Conversation, model: ModelFrame, stepper: StepperDescription, process: NoiseProcess
    ) {
        self.process = process
        self.model = model
        self.stepper = stepper
        self.conversation = SharedConversation(conversation)
    }

    /// The shape of a noise.
    package var noiseShape: [Int] { model.sampleShape }
    package var hasPullback: Bool { model.hasPullback }
    /// Whether it has a loss of its own.
    package var hasLoss: Bool { stepper.answers.contains(.loss) }

    package func sample(
        _ input: SamplerInput<Double>, times: [Double], modelTimes: [Double]
    ) throws -> Tensor<Double> {
        guard input.count > 0 else { return Tensor(shape: [0] + stepper.sampleShape) }
        let course = TimeLists(times: times, modelTimes: modelTimes)
        return try finish(states(input, along: course)[course.steps], input, course).values()
    }

    /// Returns the samples along each course. A step that a course shares with the first one from the start on is taken once.
    package func samples(_ input: SamplerInput<Double>, along courses: [TimeLists]) throws -> [Tensor<Double>] {
        guard input.count > 0, let first = courses.first else {
            return courses.map { _ in Tensor(shape: [0] + stepper.sampleShape) }
        }
        let states = try states(input, along: first)
        return try courses.map { course in
            let shared = takesModelTimes(course).sharedSteps(with: takesModelTimes(first))
            let own = try self.states(input, along: course, from: Array(states[...shared]))
            return try finish(own[course.steps], input, course).values()
        }
    }

    /// The course with model times only if a step is told them.
    private func takesModelTimes(_ course: TimeLists) -> TimeLists {
        stepper.takesModelTimes ? course : TimeLists(times: course.times, modelTimes: course.times)
    }

    // MARK: - Requests

    /// Returns the states before the first step and after each one, N + 1.
    ///
    /// - Parameter known: the first of them, if they are known.
    func states(
        _ input: SamplerInput<Double>, along course: TimeLists, from known: [StepperState] = []
    ) throws -> [StepperState] {
        try course.requireFalling()
        var states = known.isEmpty ? [try start(input)] : known
        for step in states.count - 1..<course.steps {
            states.append(try self.step(states[step], input, course, step).state)
        }
        return states
    }

    private func start(_ input: SamplerInput<Double>) throws -> StepperState {
        let noise = noise(input)
        guard stepper.answers.contains(.start) else {
            let state = StepperState(noise: input.noise.scaled(by: process.priorScale).converted())
            try requireFinite(state, input, step: 0, time: process.start)
            return state
        }
        let state = try ask(.start, [noise], input) { try StepperState($0, batch: input.count) }
        try requireFinite(state, input, step: 0, time: process.start)
        return state
    }

    /// The noise as the child gets it, [B, noise shape].
    func noise(_ input: SamplerInput<Double>) -> NamedTensor {
        NamedTensor(name: "noise", tensor: input.noise.converted(to: Float.self))
    }

    /// The tensors that say from which time to which one a step goes, [B] each.
    func times(_ course: TimeLists, _ step: Int, batch: Int) -> [NamedTensor] {
        func tensor(_ name: String, _ time: Double) -> NamedTensor {
            NamedTensor(name: name, shape: [batch], doubles: [Double](repeating: time, count: batch))
        }
        var tensors = [tensor("t", course.times[step]), tensor("t_next", course.times[step + 1])]
        if stepper.takesModelTimes { tensors.append(tensor("t_model", course.modelTimes[step])) }
        return tensors
    }

    /// Takes a step, and pulls a cotangent of its state back if there is one.
    func step(
        _ state: StepperState, _ input: SamplerInput<Double>, _ course: TimeLists, _ step: Int,
        cotangents: NamedCotangents? = nil
    ) throws -> (state: StepperState, cotangents: NamedCotangents?) {
        let times = times(course, step, batch: input.count)
        var tensors = state.tensors + times
        if let cotangents { tensors += cotangents.requested(of: state.floats) }
        let metadata = ["ld3.step": String(step), "ld3.steps": String(course.steps)]
        let answer = try ask(.step, tensors, input, metadata) { frame in
            let next = try StepperState(frame, after: state)
            return (next, try cotangents.map { _ in try NamedCotangents(frame, of: state.floats + times) })
        }
        try requireFinite(answer.0, input, step: step, time: course.modelTimes[step])
        return answer
    }

    /// Makes samples of the last state, and pulls a cotangent of them back if there is one. A number that Float, the type of
    /// samples in a stream, cannot hold is infinity, and so a breakdown.
    func finish(
        _ state: StepperState, _ input: SamplerInput<Double>, _ course: TimeLists, cotangent: Tensor<Double>? = nil,
        sampleType: DataType? = nil
    ) throws -> FinishedSamples {
        let shape = [input.count] + stepper.sampleShape
        guard stepper.answers.contains(.finish) else {
            let only = try checkingSample(state.tensors.first { $0.name == "state" }, "state", shape)
            let finished = FinishedSamples(
                tensor: only, cotangents: cotangent.map { ["state": $0.reshaped(only.shape)] })
            try requireFinite(finished, input, course)
            return finished
        }
        var tensors = state.tensors
        if let cotangent, let sampleType {
            let sample = NamedTensor(name: "sample", type: sampleType, shape: shape, bytes: [])
            tensors += ["sample": cotangent].requested(of: [sample])
        }
        let answer = try ask(.finish, tensors, input) { frame in
            FinishedSamples(
                tensor: try checkingSample(frame["sample"], "sample", shape),
                cotangents: try cotangent.map { _ in try NamedCotangents(frame, of: state.floats) })
        }
        try requireFinite(answer, input, course)
        return answer
    }

    private func requireFinite(
        _ finished: FinishedSamples, _ input: SamplerInput<Double>, _ course: TimeLists
    ) throws {
        let values = try finished.values().converted(to: Float.self)
        guard let bad = values.firstNonFinite() else { return }
        throw breakdown(
            input, sample: bad / values.sampleCount, step: course.steps - 1, time: course.times[course.steps])
    }

    private func checkingSample(_ tensor: NamedTensor?, _ name: String, _ shape: [Int]) throws -> NamedTensor {
        guard let tensor else { throw Failure(.inputOutput, "the frame has no tensor `\(name)`") }
        guard tensor.shape == shape, tensor.type.isFloat else {
            throw Failure(
                .inputOutput,
                "`\(name)` is \(tensor.type.rawValue) \(tensor.shape), where a float \(shape) was due for the samples")
        }
        return tensor
    }

    /// Asks for one answer. Every request tells the seeds and the condition.
    func ask<Answer>(
        _ request: StepperDescription.Request, _ tensors: [NamedTensor], _ input: SamplerInput<Double>,
        _ metadata: [String: String] = [:], read: (Frame) throws -> Answer
    ) throws -> Answer {
        let told = [NamedTensor(name: "seed", shape: [input.count], int64s: input.seeds)] + input.condition.namedTensors
        let own = ["ld3.format": "1", "ld3.kind": request.rawValue].merging(metadata) { $1 }
        let frame = Frame(
            metadata: own.merging(input.condition.metadata) { own, _ in own }, tensors: tensors + told)
        return try conversation.ask(frame) { answer in
            try requireKind(request.answer, of: answer)
            return try read(answer)
        }
    }

    // MARK: - Breakdowns

    private func requireFinite(
        _ state: StepperState, _ input: SamplerInput<Double>, step: Int, time: Double
    ) throws {
        guard let bad = try state.firstNonFiniteSample() else { return }
        throw breakdown(input, sample: bad, step: step, time: time)
    }

    func breakdown(
        _ input: SamplerInput<Double>, sample: Int, step: Int, time: Double, isGradient: Bool = false
    ) -> NetworkBreakdown {
        NetworkBreakdown(seed: input.seeds[sample], sample: sample, step: step, time: time, isGradient: isGradient)
    }
}

/// The samples that a sampler made of its last state.
struct FinishedSamples {
    /// [B, sample shape], of the type that the child chose.
    let tensor: NamedTensor
    /// The cotangents of the state, if one of the samples was given.
    let cotangents: NamedCotangents?

    /// [B, sample shape]
    func values() throws -> Tensor<Double> { try tensor.tensor() }
}
