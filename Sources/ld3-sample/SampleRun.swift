import Commands
import Diagnostics
import Formats
import Images
import Options
import TensorStream
import Tensors

/// One run of ld3-sample: every batch is solved, then handed to the stream, the folder and the grid that were asked for.
struct SampleRun {
    private let solver: SolveRun
    private let writer: StreamWriter?
    private let pictures: PictureOutput?
    /// Whether the stream gets log |det d sample / d start|.
    private let tellsVolume: Bool
    /// Whether latents are decoded to pictures.
    private let decodes: Bool
    private let reporter: Reporter

    init(_ arguments: Arguments) throws {
        let fallback = (solver: "ipndm", evaluations: Int?.none)
        let request = try arguments.scheduleRequest(defaultSchedule: nil, fallback: fallback)
        let wantsPictures = arguments.isGiven("output") || arguments.isGiven("grid")
        let wantsStream = arguments.flag("stream") || !wantsPictures
        if !wantsPictures {
            try arguments.refuse(
                ["force", "quantize"], "is for pictures, and none are asked for", suggestion: "add -o or --grid")
        }
        if !arguments.isGiven("output") {
            try arguments.refuse(["force"], "is for the folder of -o, and there is none")
        }
        tellsVolume = arguments.flag("log-determinant")
        if tellsVolume, !wantsStream {
            throw Failure(
                .usage, place: "--log-determinant", "goes to the sample stream, which is not written",
                suggestion: "add --stream")
        }
        if arguments.flag("latents"), wantsPictures {
            throw Failure(.usage, place: "--latents", "goes to the sample stream, and pictures are asked for")
        }
        let quantization: Quantization = try arguments.choice("quantize")
        pictures =
            try wantsPictures
            ? PictureOutput(
                folder: arguments.stringIfGiven("output"), gridFile: arguments.stringIfGiven("grid"),
                quantization: quantization, force: arguments.flag("force")) : nil
        writer = wantsStream ? try .standardOutput(.samples, entry: arguments.provenance) : nil
        solver = try SolveRun(arguments, request, .standardInput(.noise, .pairs), fallback: fallback)
        if tellsVolume, !solver.model.denoiser.hasPullback {
            throw Failure(.usage, place: "--log-determinant", "\(solver.model.name) gives no gradients, which it needs")
        }
        decodes = !arguments.flag("latents") && solver.model.makesPictures
        if arguments.flag("latents"), !solver.model.isLatent {
            throw Failure(.usage, place: "--latents", "\(solver.model.name) has no latents, its samples are pictures")
        }
        reporter = arguments.reporter
        if wantsPictures {
            let shape = try solver.model.pictureShape()
            try locating(arguments.isGiven("output") ? "--output" : "--grid") {
                try quantization.check(sampleShape: shape)
            }
        } else if !arguments.flag("latents"), let note = try solver.model.noteOnLatents() {
            reporter.note(note)
        }
    }

    func run() throws {
        try solver.forEachBatch("sampling") { batch, solution in
            let image = decodes ? try solver.model.pictures(solution, seeds: batch.seeds) : solution
            try pictures?.add(image, seeds: batch.seeds)
            guard let writer else { return }
            var samples = try (decodes ? solver.model.decodingTargets(of: batch) : batch).removing(["noise"])
                .setting(NamedTensor(name: decodes ? "image" : "latent", tensor: image))
            if tellsVolume { samples = try samples.setting(solver.logDeterminants(batch), as: "log_determinant") }
            if let losses = try solver.model.losses(solution, batch) {
                samples = try samples.setting(losses, as: "loss")
            }
            let told = decodes ? [:] : [Key.decoded: "false"]
            try writer.write(samples, metadata: solver.model.metadata.merging(told) { first, _ in first })
        }
        if let warning = try pictures?.finish() { reporter.warn(warning) }
    }
}
