import Commands
import Formats
import TensorStream

/// One run of ld3-teacher: pairs come out batch by batch as the noise comes in.
struct TeacherRun {
    private let solver: SolveRun
    private let writer: StreamWriter

    init(_ arguments: Arguments) throws {
        let request = try arguments.scheduleRequest(defaultSchedule: "logsnr")
        writer = try .standardOutput(.pairs, entry: arguments.provenance)
        solver = try SolveRun(
            arguments, request, .standardInput(.noise), fallback: (solver: "unipc", evaluations: 20))
    }

    func run() throws {
        try solver.forEachBatch("teaching") { batch, target in
            try writer.write(
                batch.setting(NamedTensor(name: "target", tensor: target)), metadata: solver.model.metadata)
        }
    }
}
