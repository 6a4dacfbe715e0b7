import Commands
import Diagnostics
import Formats
import Models
import Solvers
import TensorStream

/// One run of ld3-sample: every batch is solved, then handed to the stream, the folder and the grid that were asked for.
struct SampleRun {
    private let model: Model
    private let program: StepProgram<Double>
    private let samples: SampleReader
    private let writer: StreamWriter?
    private let pictures: PictureOutput?
    private let reporter: Reporter
    /// Steps, evaluations and number of times, told once the input has shown itself sound.
    private let summary: String

    init(_ arguments: Arguments) throws {
        let reporter = arguments.reporter
        let request = try arguments.scheduleRequest(defaultSchedule: nil)
        let stream = try StreamReader.standardInput(.noise, .pairs)
        let wantsPictures = arguments.isGiven("output") || arguments.isGiven("grid")
        let wantsStream = arguments.flag("stream") || !wantsPictures
        writer = wantsStream ? try .standardOutput(.samples, entry: arguments.provenance) : nil
        samples = SampleReader(stream, known: ["noise"], reporter: reporter)
        let input = ModelRequest.Origin(place: stream.frames.place, metadata: try samples.firstPart().metadata)
        model = try arguments.modelRequest().open(for: [request.origin, input]) { reporter.warn($0) }
        let schedule = try request.schedule(for: model.process, fallback: ("ipndm", nil)) { reporter.note($0) }
        program = try schedule.program()
        samples.batch = try arguments.batch() ?? model.defaultBatch
        pictures = wantsPictures ? try PictureOutput(arguments, model: model) : nil
        self.reporter = reporter
        summary = "\(model.name), \(try schedule.summary())"
    }

    func run() throws {
        let total = try samples.firstPart().count
        reporter.note(summary)
        let progress = Progress(reporter, "sampling", unit: "samples", total: total)
        while let batch = try samples.next() {
            if batch.startsPart, batch.labels == nil, model.guidance != 1 {
                reporter.warn("the noise carries no labels: guidance changes nothing")
            }
            let image = try model.solve(program, batch)
            try pictures?.add(image, seeds: batch.seeds)
            try writer?.write(
                batch.removing(["noise"]).setting(NamedTensor(name: "image", tensor: image)),
                metadata: model.metadata)
            progress.advance(by: batch.count)
        }
        try pictures?.finish()
        progress.finish()
    }
}
