import Diagnostics
import Diffusion
import Models
import Schedules
import Solvers
import TensorStream
import Tensors

/// The part that ld3-teacher and ld3-sample share: noise comes in, and each batch is solved along one schedule.
package struct SolveRun {
    /// The names of the options that only a solution has a use for.
    package static let options = ["schedule", "solver", "order", "variant", "nfe", "steps"]

    package let model: Model
    private let course: TimeLists
    /// Nil for a sampler in another process.
    private let program: StepProgram<Double>?
    private let samples: SampleReader
    private let reporter: Reporter
    /// Steps, evaluations and number of times; told when the first part of the input has proved sound.
    private let summary: String

    /// Reads the start of the input and opens the model that it or the options name.
    ///
    /// - Parameters:
    ///   - stream: noise, or pairs, which carry noise.
    ///   - fallback: the solver and the budget if neither options nor a file say them.
    package init(
        _ arguments: Arguments, _ request: ScheduleRequest, _ stream: StreamReader,
        fallback: (solver: String, evaluations: Int?)
    ) throws {
        let reporter = arguments.reporter
        let modelRequest = try arguments.modelRequest()
        samples = SampleReader(stream, known: ["noise"], reporter: reporter)
        let input = Origin(place: stream.frames.place, metadata: try samples.firstPart().metadata)
        model = try modelRequest.open(for: [request.origin, input]) { reporter.warn($0) }
            .resized(to: samples.firstSampleShape("noise"))
        let request = try model.stepper.map { try request.ofSampler(evaluations: $0.stepper.evaluations) } ?? request
        let schedule = try request.schedule(for: model.process, fallback: fallback) { reporter.note($0) }
        course = TimeLists(times: schedule.times, modelTimes: schedule.modelTimes)
        program = try model.stepper == nil ? schedule.program() : nil
        if let stepper = model.stepper {
            try locating(request.origin.place) { try schedule.validate() }
            if !schedule.isTied, !stepper.stepper.takesModelTimes {
                reporter.warn("the sampler takes no model times; those of the schedule change nothing")
            }
        }
        samples.batch = arguments.batch() ?? model.defaultBatch
        self.reporter = reporter
        summary = "\(model.name), \(try schedule.summary())"
    }

    /// Hands every batch with its solution [B, sample shape] to `body`. The progress calls the work by the word `work`.
    package func forEachBatch(_ work: String, _ body: (SampleBatch, Tensor<Float>) throws -> Void) throws {
        let total = try samples.firstPart().count
        reporter.note(summary)
        let progress = Progress(reporter, work, unit: "samples", total: total)
        var told = Told()
        while let batch = try samples.next() {
            try tell(of: batch, &told)
            let conditioned = try model.addingConditions(to: batch)
            let solution =
                try program.map { try model.solve($0, conditioned) } ?? model.sample(along: course, conditioned)
            try body(conditioned, solution)
            progress.advance(by: batch.count)
        }
        progress.finish()
        if told.cuts > 1 { reporter.warn("\(counted(told.cuts - 1, "other prompt")) cut off too") }
    }

    /// The warnings that the user got so far.
    private struct Told {
        /// Whether one was of guidance.
        var ofGuidance = false
        var prompts: Set<Prompt> = []
        var negativePrompts: Set<Prompt> = []
        /// The number of prompts that are cut.
        var cuts = 0
    }

    /// Warns of the first samples on which guidance has no effect, and of the first prompt that is cut.
    private func tell(of batch: SampleBatch, _ told: inout Told) throws {
        if model.guidance != 1, !told.ofGuidance, let seed = batch.seeds.first,
            let missing = model.missingGuide(in: batch)
        {
            // A condition that does not fit is refused before anything is told of it.
            _ = try model.condition(of: batch)
            told.ofGuidance = true
            reporter.warn("the samples from seed \(seed) on carry no \(missing): guidance changes nothing in them")
        }
        if !(model.denoiser is Guided<Float>), !told.ofGuidance, batch.part.metadata[Key.negativePrompt] != nil {
            told.ofGuidance = true
            let reason = model.guidance == 1 ? "without guidance" : "the model guides itself, so"
            reporter.warn("\(reason) the negative prompt changes nothing")
        }
        let (prompts, negative) = try model.prompts(of: batch)
        let cuts =
            try model.cuts(of: prompts.filter { told.prompts.insert($0).inserted }).map { "the prompt \($0)" }
            + model.cuts(of: negative.filter { told.negativePrompts.insert($0).inserted })
            .map { "the negative prompt \($0)" }
        if told.cuts == 0, let first = cuts.first { reporter.warn(first) }
        told.cuts += cuts.count
    }

    /// Returns log |det d sample / d start| of every sample of a batch. Throws `usage` if the model is a sampler.
    package func logDeterminants(_ batch: SampleBatch) throws -> [Double] {
        guard let program else {
            throw Failure(.usage, "the model \(model.name) is a sampler, whose state we do not know")
        }
        return try model.logDeterminants(program, batch)
    }
}
