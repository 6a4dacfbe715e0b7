import Formats
import TensorStream
import TestSupport
import Testing

/// Stages written in Python take the place of the programs.
@Suite(.enabled(if: Programs.exists("python3"), "needs python3")) struct PythonStageTests {
    private let model = "gaussian:shape=4,std=0.5"

    private func python(_ stage: String, _ arguments: String = "") -> String {
        "python3 '\(Fixtures.path("foreign/\(stage).py"))' '\(Fixtures.root)/scripts' \(arguments)"
    }

    private func target(_ result: Programs.Result) throws -> [Float] {
        #expect(result.status == 0, "\(result.errors)")
        return try streamFrames(result.output).flatMap { try $0.tensor("target").floats() }
    }

    @Test func aProducerAndATeacherOfOnesOwn() throws {
        let producer = python("producer", "20")
        let ours = try Programs.shell("\(producer) | ld3-teacher --quiet --model \(model) --nfe 40 --batch 7")
        let theirs = try Programs.shell("\(producer) | \(python("teacher"))")
        // The exact solution, and the solver's own error at 40 evaluations.
        let (solved, exact) = (try target(ours), try target(theirs))
        #expect(solved.count == 80 && exact.count == 80)
        for (one, other) in zip(solved, exact) { #expect(abs(one - other) < 1e-3) }
    }

    @Test func aScheduleFromAForeignTeacher() throws {
        let folder = try TemporaryFolder()
        try withExtendedLifetime(folder) {
            let schedule = folder.file("four.safetensors")
            let fit = try Programs.shell(
                "\(python("producer", "20")) | \(python("teacher")) | ld3-fit --quiet --solver ipndm --nfe 4 > \(schedule)"
            )
            #expect(fit.status == 0, "\(fit.errors)")
            let file = try SafetensorsFile(path: schedule)
            let history = try Provenance(parsing: file.metadata["ld3.history"] ?? "").entries.map(\.program)
            #expect(history == ["producer.py", "teacher.py", "ld3-fit"])
            let sampled = try Programs.shell(
                "\(python("producer", "20")) | ld3-sample --quiet --schedule \(schedule)")
            #expect(sampled.status == 0, "\(sampled.errors)")
            let image = try streamFrames(sampled.output).flatMap { try $0.tensor("image").floats() }
            let exact = try target(try Programs.shell("\(python("producer", "20")) | \(python("teacher"))"))
            let error = zip(image, exact).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / Float(exact.count)
            #expect(error < 1e-3)
        }
    }
}
