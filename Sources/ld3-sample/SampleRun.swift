import Commands
import Formats
import TensorStream

/// One run of ld3-sample: every batch is solved, then handed to the stream, the folder and the grid that were asked for.
struct SampleRun {
    private let solver: SolveRun
    private let writer: StreamWriter?
    private let pictures: PictureOutput?

    init(_ arguments: Arguments) throws {
        let request = try arguments.scheduleRequest(defaultSchedule: nil)
        let wantsPictures = arguments.isGiven("output") || arguments.isGiven("grid")
        let wantsStream = arguments.flag("stream") || !wantsPictures
        writer = wantsStream ? try .standardOutput(.samples, entry: arguments.provenance) : nil
        solver = try SolveRun(
            arguments, request, .standardInput(.noise, .pairs), fallback: (solver: "ipndm", evaluations: nil))
        pictures = wantsPictures ? try PictureOutput(arguments, model: solver.model) : nil
    }

    func run() throws {
        try solver.forEachBatch("sampling") { batch, image in
            try pictures?.add(image, seeds: batch.seeds)
            try writer?.write(
                batch.removing(["noise"]).setting(NamedTensor(name: "image", tensor: image)),
                metadata: solver.model.metadata)
        }
        try pictures?.finish()
    }
}
