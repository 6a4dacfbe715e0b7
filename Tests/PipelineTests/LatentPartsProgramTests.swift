import Formats
import Foundation
import ModelTestSupport
import TestSupport
import Testing

/// The embedded latent diffusion model cut into files of its networks, through real pipes.
struct LatentPartsProgramTests {
    private let folder: TemporaryFolder
    private let tensors: [NamedTensor]

    init() throws {
        folder = try TemporaryFolder()
        let whole = "\(Fixtures.root)/Sources/Shared/Models/Resources/digits64-sd.safetensors"
        let (metadata, tensors) = try Safetensors.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: whole))))
        self.tensors = tensors
        try write("model.diffusion_model.", "unet.safetensors", keeping: "model.diffusion_model.", metadata)
        try write("first_stage_model.", "vae.safetensors")
        try write("cond_stage_model.transformer.", "clip.safetensors")
    }

    private func write(
        _ prefix: String, _ name: String, keeping start: String = "", _ metadata: [String: String] = [:]
    ) throws {
        let part = tensors.filter { $0.name.hasPrefix(prefix) }.map { tensor in
            var tensor = tensor
            tensor.name = start + tensor.name.dropFirst(prefix.count)
            return tensor
        }
        try folder.write(Safetensors.serialize(metadata: metadata, tensors: part), to: name)
    }

    private func shell(_ command: String) throws -> Programs.Result {
        try Programs.shell("cd '\(folder.path)' && \(command)")
    }

    private static let parts = "--model unet.safetensors --decoder vae.safetensors --text-encoder clip.safetensors"
    private static let noise = "-n 2 --prompt 'a red seven'"
    private static let solve = "-q --guidance 3 --schedule uniform --nfe 2"

    /// The first program is told of the parts, and the stream tells the others.
    @Test func partsMakeTheWholeModel() throws {
        let chain = "ld3-teacher \(Self.solve) | ld3-sample -q --schedule uniform --solver ddim --nfe 2"
        let joined = try shell("ld3-noise \(Self.noise) \(Self.parts) | \(chain)")
        let embedded = try shell("ld3-noise \(Self.noise) --model digits64 | \(chain)")
        #expect(joined.status == 0 && embedded.status == 0, "\(joined.errors)\(embedded.errors)")
        let (own, other) = (try streamRows(joined.output, of: "image"), try streamRows(embedded.output, of: "image"))
        #expect(own == other && own.count == 2)
        let metadata = try streamFrames(joined.output)[0].metadata
        #expect(metadata["ld3.decoder"] == "vae.safetensors" && metadata["ld3.text_encoder"] == "clip.safetensors")
    }

    /// Without a decoder pairs and latents are made, and pictures are refused with the remedy. A later program may be given
    /// the decoder.
    @Test func theDecoderComesLater() throws {
        let pairs =
            "ld3-noise \(Self.noise) --model unet.safetensors --text-encoder clip.safetensors "
            + "| ld3-teacher \(Self.solve) > pairs.ld3"
        #expect(try shell(pairs).status == 0)
        let sample = "ld3-sample -q --schedule uniform --solver ddim --nfe 2"
        let refused = try shell("\(sample) < pairs.ld3")
        #expect(refused.status == 64 && refused.output.isEmpty)
        #expect(
            refused.errors
                == "ld3-sample: --model: unet.safetensors has no decoder, which makes pictures of its latents; "
                + "give the decoder's file with --decoder\n")
        let latents = try shell("\(sample) --latents < pairs.ld3")
        #expect(try latents.status == 0 && streamRows(latents.output, of: "latent").count == 2)
        let decoded = try shell("\(sample) --decoder vae.safetensors < pairs.ld3")
        #expect(try decoded.status == 0 && streamRows(decoded.output, of: "image").count == 2, "\(decoded.errors)")
        let fit = "ld3-fit --rounds 0,1 --polish 0 --heuristics uniform --solver ddim --nfe 2 < pairs.ld3"
        let fitted = try shell(fit)
        #expect(fitted.status == 0 && fitted.errors.contains("the loss compares latents"), "\(fitted.errors)")
        let perceptual = try shell("ld3-fit -q --loss perceptual < pairs.ld3")
        #expect(perceptual.status == 64 && perceptual.errors.contains("with --decoder"), "\(perceptual.errors)")
    }

    @Test func theRecipeIsThatOfThePairs() throws {
        let pairs = "ld3-noise \(Self.noise) --model digits64 | ld3-teacher \(Self.solve) > pairs.ld3"
        #expect(try shell(pairs).status == 0)
        let fit = "ld3-fit --polish 0 --heuristics uniform --solver ddim --nfe 2 --format json"
        func losses(_ option: String) throws -> (Int, errors: String) {
            let result = try shell("\(fit) \(option) < pairs.ld3")
            let document = try JSONValue(parsing: result.text)
            return (document["training_losses"]?.elements?.count ?? 0, result.errors)
        }
        // One pair trains: 2 + 3 passes of one step, or 2 + 5.
        let (own, pixels) = (try losses(""), try losses("--recipe pixels"))
        #expect(own.0 == 5 && own.errors.contains("--recipe pixels takes the others"), "\(own)")
        #expect(pixels.0 == 7 && !pixels.errors.contains("recipe"), "\(pixels)")
    }

    /// Noise records the text encoder that its prompts are for, and a schedule that records none does not hide it.
    @Test func theTextEncoderOfNoiseGoesBeforeThatOfASchedule() throws {
        let other = tensors.filter { $0.name.hasPrefix("cond_stage_model.transformer.") }.map { tensor in
            var tensor = tensor
            tensor.name = String(tensor.name.dropFirst("cond_stage_model.transformer.".count))
            return tensor
        }
        // Other metadata beside equal weights give the file another digest.
        try folder.write(Safetensors.serialize(metadata: ["note": "other"], tensors: other), to: "other.safetensors")
        let fit = "ld3-fit -q --method heuristic --solver ddim --nfe 2 --format stream > schedule.safetensors"
        let noise = "ld3-noise \(Self.noise) --model digits64"
        let plain = try shell("\(noise) | ld3-teacher \(Self.solve) | \(fit)")
        #expect(plain.status == 0, "\(plain.errors)")
        let sample = "ld3-sample --latents --guidance 3 --schedule schedule.safetensors"
        let taken = try shell("\(noise) --text-encoder clip.safetensors | \(sample)")
        #expect(taken.status == 0, "\(taken.errors)")
        #expect(try streamFrames(taken.output)[0].metadata["ld3.text_encoder"] == "clip.safetensors")
        #expect(taken.errors.contains("not with the text encoder clip.safetensors"), "\(taken.errors)")
        // Noise is refused with another one, whoever names it.
        let changed = try shell("\(noise) --text-encoder clip.safetensors | \(sample) --text-encoder other.safetensors")
        #expect(changed.status == 65 && changed.errors.contains("made with the text encoder clip.safetensors, not"))
        let clip = "\(noise) --text-encoder clip.safetensors | ld3-teacher \(Self.solve) | \(fit)"
        #expect(try shell(clip).status == 0)
        let two = try shell("\(noise) --text-encoder other.safetensors | \(sample)")
        #expect(two.status == 65 && two.output.isEmpty, "\(two.errors)")
        #expect(two.errors.contains("made with the text encoder other.safetensors, and"), "\(two.errors)")
        let insisted = try shell("\(noise) --text-encoder other.safetensors | \(sample) --allow-other-model")
        #expect(insisted.status == 0, "\(insisted.errors)")
    }

    /// A part that a stream records of a model without parts is a fault of the stream.
    @Test func recordedPartsOfOtherModelsAreFaultsOfData() throws {
        let named = try shell("ld3-noise -n 1 --model digits64 --decoder vae.safetensors")
        let latent = try streamFrames(named.output)[0]
        for model in ["mnist32", "gaussian:shape=8,mean=0,std=0.5"] {
            let noise = try shell("ld3-noise -n 1 --model \(model)")
            #expect(noise.status == 0, "\(noise.errors)")
            var frame = try streamFrames(noise.output)[0]
            frame.metadata["ld3.decoder"] = "vae.safetensors"
            frame.metadata["ld3.decoder_sha256"] = latent.metadata["ld3.decoder_sha256"]
            try folder.write(frame.image, to: "named.ld3")
            let result = try shell("ld3-sample --schedule uniform --nfe 2 < named.ld3")
            #expect(result.status == 65 && result.output.isEmpty, "\(model): \(result.errors)")
            #expect(result.errors.contains("ld3.decoder: is for"), "\(model): \(result.errors)")
        }
    }

    @Test func faultsOnTheCommandLine() throws {
        for (command, status, words) in [
            ("ld3-noise -n 1 --model unet.safetensors", 65, ["unet.safetensors", "give", "--text-encoder"]),
            ("ld3-noise -n 1 --model vae.safetensors", 65, ["vae.safetensors: holds the decoder", "--decoder"]),
            ("ld3-noise -n 1 --model digits64 --decoder clip.safetensors", 65, ["holds no decoder"]),
            ("ld3-noise -n 1 --model mnist32 --decoder vae.safetensors", 64, ["--decoder: is for latent diffusion"]),
            ("ld3-noise -n 1 --shape 4 --decoder vae.safetensors", 64, ["--decoder"]),
            ("ld3-noise -n 1 --model digits64 --decoder none.safetensors", 66, ["none.safetensors"]),
            ("ld3-noise -n 1 --model .", 66, [".: is a folder with neither model_index.json nor config.json"]),
            ("ld3-noise -n 1 --model digits64 --labels 1 --classes 10", 64, ["--labels", "has no classes"]),
            ("ld3-noise -n 1 --model digits64 --labels 1", 64, ["--labels", "has no classes; it reads prompts"]),
            ("ld3-noise -n 1 --model mnist32 --labels 1 --classes 11", 64, ["--labels", "has 10 classes, not 11"]),
        ] {
            let result = try shell(command)
            #expect(result.status == status && result.output.isEmpty, "\(command): \(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
            for word in words { #expect(result.errors.contains(word), "\(result.errors)") }
        }
    }

    @Test func aCutNegativePromptIsCalledThat() throws {
        let long = Array(repeating: "red", count: 80).joined(separator: " ")
        let result = try shell(
            "ld3-noise \(Self.noise) --negative-prompt '\(long)' --model digits64 | ld3-sample --latents --guidance 3 "
                + "--schedule uniform --nfe 1")
        #expect(result.status == 0 && result.errors.contains("the negative prompt `red red"), "\(result.errors)")
    }
}
