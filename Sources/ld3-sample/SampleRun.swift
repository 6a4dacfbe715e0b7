import Commands
import Diagnostics
import Formats
import TensorStream

/// One run of ld3-sample: every batch is solved, then handed to the stream, the folder and the grid that were asked for.
struct SampleRun {
    private let solver: SolveRun
    private let writer: StreamWriter?
    private let pictures: PictureOutput?
    /// --log-determinant
    private let tellsVolume: Bool

    init(_ arguments: Arguments) throws {
        let request = try arguments.scheduleRequest(defaultSchedule: nil)
        let wantsPictures = arguments.isGiven("output") || arguments.isGiven("grid")
        let wantsStream = arguments.flag("stream") || !wantsPictures
        writer = wantsStream ? try .standardOutput(.samples, entry: arguments.provenance) : nil
        solver = try SolveRun(
            arguments, request, .standardInput(.noise, .pairs), fallback: (solver: "ipndm", evaluations: nil))
        tellsVolume = arguments.flag("log-determinant")
        if tellsVolume, !wantsStream {
            throw Failure(
                .usage, place: "--log-determinant", "goes to the sample stream, which is not written",
                suggestion: "add --stream")
        }
        if tellsVolume, !solver.model.denoiser.hasPullback {
            throw Failure(.usage, place: "--log-determinant", "\(solver.model.name) gives no gradients, which it needs")
        }
        pictures = wantsPictures ? try PictureOutput(arguments, model: solver.model) : nil
    }

    func run() throws {
        try solver.forEachBatch("sampling") { batch, image in
            try pictures?.add(image, seeds: batch.seeds)
            guard let writer else { return }
            var samples = batch.removing(["noise"]).setting(NamedTensor(name: "image", tensor: image))
            if tellsVolume {
                let volumes = try solver.logDeterminants(batch)
                samples = samples.setting(NamedTensor(name: "log_determinant", shape: [batch.count], doubles: volumes))
            }
            try writer.write(samples, metadata: solver.model.metadata)
        }
        try pictures?.finish()
    }
}
