import Diffusion
import Formats
import LatentModels
import ModelTestSupport
import Networks
import Tensors
import TestSupport
import Testing

/// Containers of the whole collection, from the file to the numbers of CompVis' and diffusers' classes.
@Suite(.enabled(if: Fixtures.shared("latent/INDEX.json") != nil)) struct LatentCollectionTests {
    /// An opened model, and the numbers recorded of it.
    private struct Opened {
        let files: LatentModelFiles
        let recorded: SafetensorsFile
        let pool = ThreadPool(threads: 2)

        /// - Parameter file: the model's file or folder.
        init(_ folder: String, _ file: String) throws {
            let root = try #require(Fixtures.shared("latent/\(folder)"))
            let architecture = file == "diffusers" ? nil : try JSONValue(file: "\(root)/architecture.json")
            files = try #require(try LatentModelFiles.open("\(root)/\(file)", architecture: architecture))
            recorded = try SafetensorsFile(path: "\(root)/io.safetensors")
        }

        func tensor(_ name: String) throws -> Tensor<Float> { try recorded.tensor(name).tensor() }

        func unet() throws -> LatentUNet {
            try LatentUNet(
                weights: files.weights, prefix: LatentModelFiles.networkPrefix,
                configuration: files.configuration.network, height: 16, width: 16, tokens: 77, pool: pool)
        }

        func decoded(_ z: Tensor<Float>) throws -> Tensor<Float> {
            try LatentDecoder(
                weights: files.weights, prefix: LatentModelFiles.decoderPrefix,
                architecture: #require(files.configuration.decoder), scaleFactor: files.configuration.scaleFactor,
                height: z.shape[2], width: z.shape[3], pool: pool
            ).decode(z)
        }

        func expect(_ value: Tensor<Float>, _ name: String) throws {
            let error = relativeError(value.elements.map { Double($0) }, try recorded.tensor("\(name).f64").doubles())
            #expect(error < 1e-5, "\(name): \(error)")
        }
    }

    @Test(arguments: ["model.ckpt", "model.fp16.safetensors", "diffusers"]) func stableDiffusion(file: String) throws {
        let model = try Opened("sd", file)
        #expect(model.files.configuration.process == .vpDiscrete(.stableDiffusion))
        #expect(model.files.configuration.prediction == .noise && model.files.configuration.scaleFactor == 0.18215)
        var architecture = try #require(model.files.configuration.text)
        // The single files do not tell it.
        if file != "diffusers" { architecture.heads = 2 }
        let encoder = try TextEncoder(weights: model.files.weights, architecture: architecture, pool: model.pool)
        let numbers = try model.recorded.tensor("input_ids").int64s().map { Int($0) }
        let embedding = try encoder.encode((0..<3).map { Array(numbers[$0 * 77..<($0 + 1) * 77]) })
        try model.expect(embedding, "embedding")
        let unet = try model.unet()
        let context = try unet.read(embedding)
        let steps = try model.recorded.tensor("t_input").doubles()
        let outputs = try unet.evaluate(
            try model.tensor("x"), steps: steps, given: [context.rows([0, 1]), context.rows([2, 2])])
        try model.expect(outputs[0], "out_conditional")
        try model.expect(outputs[1], "out_unconditional")
        try model.expect(try model.decoded(try model.tensor("z")), "decoded")
    }

    /// Shards, PyTorch's files, old names of attention, prompts, and a flow.
    @Test func instaflow() throws {
        let model = try Opened("instaflow", "diffusers")
        #expect(model.files.configuration.process == .flow && model.files.configuration.prediction == .velocity)
        let sd = try Opened("sd", "diffusers")
        let tokenizer = try model.files.tokenizer()
        let prompts = [
            "A dog sitting at a table in front of a plate.", "a photo of an astronaut riding a horse, 1990s",
        ]
        let numbers = prompts.map { tokenizer.tokens($0, length: 77).numbers }
        let recorded = try sd.recorded.tensor("input_ids").int64s().map { Int($0) }
        #expect(numbers.flatMap { $0 } == Array(recorded.prefix(154)))
        let architecture = try #require(model.files.configuration.text)
        let encoder = try TextEncoder(weights: model.files.weights, architecture: architecture, pool: model.pool)
        let unet = try model.unet()
        let steps = try model.recorded.tensor("t").doubles().map { 1000 * $0 }
        let velocity = try unet.evaluate(
            try model.tensor("x"), steps: steps, given: [try unet.read(try encoder.encode(numbers))])
        try model.expect(velocity[0], "velocity")
        let decoded = try model.decoded(try sd.tensor("z"))
        try sd.expect(decoded, "decoded")
    }
}
