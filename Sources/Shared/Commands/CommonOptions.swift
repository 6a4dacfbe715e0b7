import Diagnostics
import Diffusion
import Engine
import Formats
import LatentModels
import Models
import Options
import TensorStream

// An option that several programs have is declared here, so that it has one spelling, one default and one sentence.

extension Option {
    package static let model = Option.value(
        "model", "MODEL", kind: .checked { _ = try ModelSpecification($0) },
        "a checkpoint file, a folder of diffusers, or one of \(ModelSpecification.spellings.joined(separator: ", ")) "
            + "[what the stream names, else \(ModelSpecification.embeddedName), which is embedded]")
    package static let process = Option.value(
        "process", "NAME", kind: .checked { _ = try NoiseProcess(spelling: $0, readTable: { _ in [0.9, 0.5] }) },
        "noise process of a model that does not say: \(NoiseProcess.spellings.joined(separator: ", "))")
    package static let guidance = Option.number(
        "guidance", "W", in: -1000...1000, "classifier-free guidance of a conditional model: 1 is none [1]")
    package static let allowOtherModel = Option.flag(
        "allow-other-model", "accept another model, process or guidance than the stream's")
    package static let architecture = Option.value(
        "architecture", "FILE",
        "JSON for a checkpoint that does not tell its architecture: precond and init_kwargs, or CompVis' configuration")
    package static let weights = Option.value(
        "weights", "SET", kind: .checked { _ = try WeightSet(spelling: $0) },
        "ema or raw: the averages in a latent diffusion model's file, or the weights beside them [ema]; of a folder, a "
            + "variant such as fp16")
    package static let decoder = Option.value(
        "decoder", "FILE", "the decoder (VAE) of a latent diffusion model, before the one in the model's own file")
    package static let textEncoder = Option.value(
        "text-encoder", "FILE", "the CLIP text encoder of a latent diffusion model, before the model's own")
    /// The names of the options that choose a model's files beside --model.
    package static let modelFiles = ["architecture", "decoder", "text-encoder", "weights"]
    package static let precision = Option.choice(
        "precision", cases: ProductPrecision.self, default: ProductPrecision.float32.rawValue,
        "the numbers that networks multiply: float32, or bf16, which is two to three times as fast and has 8 bits")
    package static let childTimeout = Option.integer(
        "child-timeout", "SECONDS", in: 1...1_000_000,
        "what an exec:COMMAND may take to introduce itself [\(ModelCatalogue.childTimeout)]"
    ).withoutEffectOnNumbers()
    package static let batch = Option.integer(
        "batch", in: 1...1 << 20, "samples computed together; changes no number [chosen by the program]"
    ).withoutEffectOnNumbers()
    package static let threads = Option.integer(
        "threads", in: 1...1024, "threads; changes no number [one a core]"
    ).withoutEffectOnNumbers()
    package static let seeds = Option.value(
        "seeds", "LIST", kind: .checked { _ = try SeedList(parsing: $0) },
        "seeds and ranges of them, such as 0-49999,60000")
    package static let count = Option.integer("count", short: "n", in: 0...1 << 48, "the same as --seeds 0-(N-1)")
    package static let shard = Option.value(
        "shard", "I/N", kind: .checked { _ = try Shard(parsing: $0) }, "part I of N equal parts of the seeds, I from 0"
    ).withoutEffectOnNumbers()
    package static let shape = Option.value(
        "shape", "C,H,W", kind: .checked { _ = try sampleShape(parsing: $0) },
        "the shape of a sample, of any rank, instead of a model's")
}

extension OptionGroup {
    package static let modelGroup = OptionGroup("model", [.model, .guidance, .precision])
    /// The rest of the model's options; a program that has `modelGroup` needs them too.
    package static let modelDetails = OptionGroup(
        "models that do not say enough, or other ones", topic: "model",
        [.process, .architecture, .decoder, .textEncoder, .weights, .allowOtherModel, .childTimeout])
    package static let general = OptionGroup(
        "general",
        [
            .threads, .batch,
            Option.flag("progress", "show progress even if standard error is no terminal").withoutEffectOnNumbers(),
            Option.flag("quiet", short: "q", "print errors only").withoutEffectOnNumbers(),
            Option.flag("help", short: "h", "print this text").withoutEffectOnNumbers(),
            Option.flag("version", "print the version").withoutEffectOnNumbers(),
        ])
}

extension Arguments {
    /// Returns --threads, else the number of cores.
    package func threads() -> Int { integerIfGiven("threads") ?? coreCount() }

    /// Returns --batch, or nil if it was not given.
    package func batch() -> Int? { integerIfGiven("batch") }

    /// Returns --shape, or nil if it was not given.
    package func shapeIfGiven() throws -> [Int]? {
        try locating("--shape") { try stringIfGiven("shape").map { try sampleShape(parsing: $0) } }
    }

    /// Returns the seeds of --seeds or --count, else `fallback`, and the places among them that --shard leaves to this
    /// run. Throws `usage` if both options are given, or neither without a fallback.
    package func seeds(else fallback: SeedList? = nil) throws -> (all: SeedList, places: Range<Int>) {
        let all: SeedList
        if let count = integerIfGiven("count") {
            guard !isGiven("seeds") else {
                throw Failure(.usage, place: "--count", "cannot be given together with --seeds")
            }
            all = SeedList(count: count)
        } else if let fallback, !isGiven("seeds") {
            all = fallback
        } else {
            all = try SeedList(parsing: try string("seeds"))
        }
        let shard = try stringIfGiven("shard").map { try Shard(parsing: $0) }
        return (all, shard?.places(of: all.count) ?? 0..<all.count)
    }
}

/// Returns the shape that `text` spells as `3,32,32` or `3x32x32`, without the batch. Throws `usage`.
func sampleShape(parsing text: String) throws -> [Int] {
    let sizes = text.split(omittingEmptySubsequences: false) { $0 == "," || $0 == "x" }.map { Int($0) }
    let shape = sizes.compactMap { $0 }
    guard shape.count == sizes.count, isSampleShape(shape) else {
        throw Failure(
            .usage, "`\(text)` is not a shape such as 3,32,32 of at most \(sampleElementLimit) elements")
    }
    return shape
}
