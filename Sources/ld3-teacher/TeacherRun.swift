import Commands
import Formats
import TensorStream

/// One run of ld3-teacher: pairs come out batch by batch as the noise comes in.
struct TeacherRun {
    private let solver: SolveRun
    private let writer: StreamWriter

    init(_ arguments: Arguments) throws {
        try arguments.refuse(["json"], "is for --describe")
        let fallback = (solver: "unipc", evaluations: Int?(20))
        let request = try arguments.scheduleRequest(defaultSchedule: "logsnr", fallback: fallback)
        writer = try .standardOutput(.pairs, entry: arguments.provenance)
        solver = try SolveRun(arguments, request, .standardInput(.noise), fallback: fallback)
    }

    func run() throws {
        try solver.forEachBatch("teaching") { batch, target in
            try writer.write(
                batch.setting(NamedTensor(name: "target", tensor: target)), metadata: solver.model.metadata)
        }
    }
}
