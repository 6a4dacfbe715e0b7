import Commands
import Diagnostics
import Diffusion
import FitRequests
import Fitting
import Foreign
import Models
import Solvers
import TensorStream
import Tensors

/// One run of ld3-fit: all pairs are read, then a schedule is found for each budget, from small to large.
struct FitRun {
    private let request: FitRequest
    private let output: FitOutput
    private let model: Model
    private let part: StreamPart
    private let train: Pairs<Float>
    private let validation: Pairs<Float>
    /// Nil if the gradients are the denoiser's own.
    private let gradient: FitSampler<Double>.Gradient?

    init(_ arguments: Arguments) throws {
        var request = try FitRequest(arguments)
        output = try FitOutput(request)
        let reporter = arguments.reporter
        let modelRequest = try arguments.modelRequest()
        let stream = try StreamReader.standardInput(.pairs)
        let samples = SampleReader(stream, known: ["noise", "target"], foreign: .drop, reporter: reporter)
        let origin = Origin(place: stream.frames.place, metadata: try samples.firstPart().metadata)
        model = try modelRequest.open(for: [origin]) { reporter.warn($0) }
            .resized(to: samples.firstSampleShape("noise"))
        let process = model.process
        request = try model.stepper.map { try request.fitting($0, on: process) } ?? request.budgeted(on: process)
        gradient = try request.gradient(of: model)
        self.request = request
        try output.check(model, request.budgets)
        if let warning = try request.warning(onPairs: samples.firstPart().count) {
            reporter.warn("\(origin.place) \(warning)")
        }
        request.notes(on: model).forEach(reporter.note)
        let first = try samples.next().map { [$0] } ?? []
        if first.contains(where: { $0.count > 0 }) { try request.check(model, Pairs(first, model: model)) }
        let batches = try first + samples.all()
        part = try batches.firstPartBySeed ?? samples.firstPart()
        let pairs = try Pairs(batches, model: model)
        (train, validation) = try locating(stream.frames.place) {
            try pairs.split(
                train: arguments.integerIfGiven("train"), validation: arguments.integerIfGiven("validation"))
        }
    }

    func run() throws {
        if let stepper = model.stepper {
            try run(session(stepper))
        } else if gradient == .differences {
            try run(sessionByDifferences())
        } else {
            try runWithDenoiser()
        }
    }

    /// A sampler's samples are taken in the precision in which it answers.
    private func session(_ stepper: ForeignStepper) throws -> FitSession<Double> {
        let counter = EvaluationCounter()
        let denoiser = AbsentDenoiser<Double>(sampleShape: model.sampleShape, labelCount: model.labelCount)
        let sampler = FitSampler<Double>(
            stepper, gradient: gradient ?? .pullback, takesModelTimes: stepper.stepper.takesModelTimes,
            evaluations: stepper.stepper.evaluations, counter: counter)
        return try FitSession(
            request, model: model, denoiser: CountingDenoiser(denoiser, counter: counter), sampler: { _ in sampler },
            train: train.converted(), validation: validation.converted())
    }

    /// The denoiser under the budget's solver is one sampler, whose evaluations the denoiser counts.
    private func sessionByDifferences() throws -> FitSession<Float> {
        let denoiser = counting(model.denoiser)
        let process = model.process
        return try FitSession(
            request, model: model, denoiser: denoiser,
            sampler: { budget in
                FitSampler<Float>(
                    SolverSampler(budget.solver, process: process, denoiser: denoiser), gradient: .differences,
                    takesModelTimes: true, evaluations: 1, counter: EvaluationCounter())
            }, train: train, validation: validation)
    }

    private func counting<Element>(_ denoiser: some Denoiser<Element>) -> CountingDenoiser<Element> {
        CountingDenoiser(denoiser, counter: EvaluationCounter())
    }

    private func runWithDenoiser() throws {
        // Single precision would blur the optimum of a model whose every number is known exactly. Features know no other.
        let usesFeatures = request.loss.usesNetwork || request.method.usesNetwork(ofSamples: model.targetShape)
        if let gaussian = model.denoiser as? GaussianDenoiser<Float>, !usesFeatures {
            try run(
                FitSession(
                    request, model: model, denoiser: counting(gaussian.converted(to: Double.self)),
                    train: train.converted(),
                    validation: validation.converted()))
        } else {
            try run(
                FitSession(
                    request, model: model, denoiser: counting(model.denoiser), train: train, validation: validation))
        }
    }

    private func run<Element>(_ session: FitSession<Element>) throws {
        var isFirst = true
        let made = try part.continued(as: .schedule, by: request.arguments.provenance, adding: model.metadata)
        let fits = try session.fits(made: made) { fit, tiedLoss in
            try requireSound(fit)
            try report(fit)
            try output.write(fit, tiedLoss: tiedLoss, count: isFirst ? request.budgets.count : nil)
            isFirst = false
        }
        try output.finish(fits, facts: FitFacts(model: model, train: train, validation: validation, from: part).list)
    }

    /// Throws `data` if a number that was found is not finite, so that no such schedule leaves the program.
    private func requireSound(_ fit: Fit) throws {
        try locating("the fitted schedule") { try fit.schedule.validate() }
        guard fit.lossAfter.isFinite else {
            throw Failure(.data, "the fitted schedule has a validation loss that is not finite, \(fit.lossAfter)")
        }
    }

    private func report(_ fit: Fit) throws {
        let start = fit.starts.first?.start.name ?? "its start"
        request.arguments.reporter.note(
            "\(try fit.schedule.summary()); hard validation loss \(compact(fit.lossBefore)) (\(start)) -> "
                + compact(fit.lossAfter))
    }
}
