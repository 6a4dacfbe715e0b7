import Commands
import Diagnostics
import Formats
import Models
import Solvers
import TensorStream

/// One run of ld3-teacher: pairs come out batch by batch as the noise comes in.
struct TeacherRun {
    private let model: Model
    private let program: StepProgram<Double>
    private let samples: SampleReader
    private let writer: StreamWriter
    private let reporter: Reporter
    /// Steps, evaluations and number of times, told once the input has shown itself sound.
    private let summary: String

    init(_ arguments: Arguments) throws {
        let reporter = arguments.reporter
        let request = try arguments.scheduleRequest(defaultSchedule: "logsnr")
        let stream = try StreamReader.standardInput(.noise)
        writer = try StreamWriter.standardOutput(.pairs, entry: arguments.provenance)
        samples = SampleReader(stream, known: ["noise"], reporter: reporter)
        model = try arguments.modelRequest().open(for: [request.origin]) { reporter.warn($0) }
        let schedule = try request.schedule(for: model.process, fallback: ("unipc", 20)) { reporter.note($0) }
        program = try schedule.program()
        samples.batch = try arguments.batch() ?? model.defaultBatch
        self.reporter = reporter
        summary = "\(model.name), \(try schedule.summary())"
    }

    func run() throws {
        let total = try samples.firstPart().count
        reporter.note(summary)
        let progress = Progress(reporter, "teaching", unit: "samples", total: total)
        while let batch = try samples.next() {
            if batch.startsPart, batch.labels == nil, model.guidance != 1 {
                reporter.warn("the noise carries no labels: guidance changes nothing")
            }
            let target = try model.solve(program, batch)
            try writer.write(
                batch.setting(NamedTensor(name: "target", tensor: target)), metadata: model.metadata)
            progress.advance(by: batch.count)
        }
        progress.finish()
    }
}
