import Commands
import Diagnostics
import Formats
import Models
import Options
import TensorStream
import Tensors

/// One run of ld3-noise: the source of the numbers, and the loop that writes them.
struct NoiseRun {
    private let arguments: Arguments
    private let source: NoiseSource
    private let labels: LabelRule
    private let classes: Int
    private let prompts: PromptList?
    private let radius: Double
    private let metadata: [String: String]
    private let seeds: SeedList
    /// The places in `seeds` that are this run's.
    private let places: Range<Int>
    private let writer: StreamWriter

    init(_ arguments: Arguments) throws {
        self.arguments = arguments
        // A model that is not named is opened only if an option leaves out its shape or its classes.
        var opened = arguments.isGiven("model") ? try Self.model(arguments) : nil
        func model() throws -> Model {
            let model = try opened ?? Self.model(arguments)
            opened = model
            return model
        }
        if let path = arguments.stringIfGiven("from") {
            try arguments.refuse(["rng", "shape"], "has no meaning with --from, whose file has the noise")
            source = try NoiseSource(file: path)
        } else {
            source = .drawn(
                try arguments.choice("rng"), shape: try arguments.shapeIfGiven() ?? model().sampleShape,
                ThreadPool(threads: arguments.threads()))
        }
        labels = try LabelRule(parsing: arguments.string("labels"))
        if labels == .none {
            try arguments.refuse(["classes"], "is for --labels, and no labels are asked for")
        }
        classes = labels == .none ? 0 : try arguments.integerIfGiven("classes") ?? Self.classes(of: model())
        try locating("--labels") { [labels, classes] in try labels.check(classes: classes, of: opened) }
        let rule = try PromptRule(arguments)
        if rule != nil, let opened, !opened.conditionInputs.takesPrompts {
            throw Failure(
                .usage, place: arguments.isGiven("prompts") ? "--prompts" : "--prompt",
                "the model \(opened.name) reads no prompts", suggestion: "name one that does with --model")
        }
        if opened == nil { try arguments.refuse(Option.modelFiles, "is for a model, and none is opened") }
        try locating(arguments.isGiven("from") ? "--from" : "--shape") { [source] in try opened?.check(source.shape) }
        radius = try arguments.double("move")
        (seeds, places) = try arguments.seeds(else: source.rows.map { SeedList(count: $0) })
        prompts = rule?.list(for: seeds.slice(places).seeds)
        // The shape of a latent does not tell its model.
        let identity = arguments.identityMetadata(of: opened)
        metadata = identity.merging(prompts?.metadata ?? [:]) { first, _ in first }
        if let rows = source.rows, rows != seeds.count {
            throw Failure(.usage, place: "--from", "has \(counted(rows, "row")) for \(counted(seeds.count, "seed"))")
        }
        writer = try StreamWriter.standardOutput(.noise, entry: arguments.provenance)
    }

    private static func model(_ arguments: Arguments) throws -> Model {
        do {
            return try ModelRequest(
                name: arguments.modelName, architecture: arguments.stringIfGiven("architecture"),
                weightSet: arguments.weightSet, parts: arguments.modelParts, threads: arguments.threads()
            ).open { _ in }
        } catch var failure as Failure where failure.status == .data && !arguments.isGiven("model") {
            failure.suggestion = failure.suggestion ?? "--shape and --classes say what a model would"
            throw failure
        }
    }

    private static func classes(of model: Model) throws -> Int {
        guard model.labelCount > 0 else {
            // A model that reads prompts is refused with another remedy than the one below.
            try locating("--labels") { try model.check(classes: 1) }
            throw Failure(
                .usage, place: "--labels", "the model \(model.name) has no classes",
                suggestion: "--classes says how many there are")
        }
        return model.labelCount
    }

    func run() throws {
        // The bytes do not depend on the batch, so one that would not fit is made smaller.
        let batch = min(arguments.batch() ?? source.defaultBatch, source.largestBatch)
        let part = StreamPart(metadata: metadata, count: places.count)
        let progress = Progress(arguments.reporter, "writing noise", unit: "samples", total: places.count)
        var start = places.lowerBound
        repeat {
            let range = start..<min(start + batch, places.upperBound)
            let drawn = seeds.slice(range).seeds
            let noise = try source.noise(drawn, places: range, movedWithin: radius)
            try writer.write(
                SampleBatch(
                    seeds: drawn, classes: labels.labels(drawn, classes: classes),
                    tensors: [noise] + (prompts.map { [$0.tensor(drawn)] } ?? []), part: part,
                    startsPart: start == places.lowerBound))
            progress.advance(by: range.count)
            start = range.upperBound
        } while start < places.upperBound
        progress.finish()
    }
}
