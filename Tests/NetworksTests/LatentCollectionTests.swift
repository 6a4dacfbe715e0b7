import Formats
import Networks
import Tensors
import TestSupport
import Testing

/// Models that are too large for the repository, or repeat what its own show. They are tested if the whole collection
/// is there.
@Suite struct LatentCollectionTests {
    private func check(_ pairs: [([Double], String)], _ recorded: SafetensorsFile, _ tolerance: Double) throws {
        for (values, name) in pairs {
            let error = relativeError(values, try recorded.tensor(name).doubles())
            #expect(error < tolerance, "\(name): \(error)")
        }
    }

    private func collected(_ name: String) throws -> LatentFixture {
        func file(_ part: String) throws -> SafetensorsFile {
            try SafetensorsFile(path: try #require(Fixtures.shared("unet_ldm/\(name).\(part).safetensors")))
        }
        let weights = try file("weights")
        // One file has the table of classes beside the U-Net, whose names have no prefix.
        let network = weights.renamed { $0.hasPrefix("cond_stage_model.") ? nil : $0 }
        return LatentFixture(network, try file("io"), try JSONValue(parsing: weights.configuration ?? ""))
    }

    /// CompVis' classes with 32 groups.
    @Test(
        .enabled(if: Fixtures.shared("unet_ldm/kl_f8.weights.safetensors") != nil),
        arguments: ["ldm_lsun", "ldm_church", "ldm_imagenet", "ldm_sd"])
    func unets(name: String) throws {
        let fixture = try collected(name)
        let context = fixture.recorded.shape(of: "context") == nil ? nil : try fixture.tensor("context")
        let unet = try fixture.unet(height: 8, width: 8, tokens: context?.shape[1] ?? 1)
        let linear = try unet.linearize(
            try fixture.tensor("x"), steps: try fixture.numbers("t"),
            given: [try context.map { try unet.read($0) } ?? .none])
        let pulled = try linear.pullback([try fixture.tensor("v")])
        try check(
            [(doubles(linear.values[0]), "out.f64"), (doubles(pulled.x), "vjp_x.f64"), (pulled.steps, "vjp_t.f64")],
            fixture.recorded, 5e-6)
    }

    /// A decoder without its codes decodes latents that are not quantized.
    @Test(
        .enabled(if: Fixtures.shared("unet_ldm/kl_f8.weights.safetensors") != nil),
        arguments: [("kl_f8", 4, 0.18215, ""), ("vq_f4", 8, 1, ""), ("vq_f4", 8, 1, "_noquant")]
            as [(String, Int, Double, String)])
    func decoders(name: String, size: Int, scale: Double, ending: String) throws {
        var fixture = try collected(name)
        if ending == "_noquant" {
            let weights = fixture.weights.renamed { $0.hasPrefix("quantize.") ? nil : $0 }
            fixture = LatentFixture(weights, fixture.recorded, fixture.configuration)
        }
        for pullsOneByOne in [false, true] {
            let decoder = try fixture.decoder(
                height: size, width: size, scaleFactor: scale, pullsOneByOne: pullsOneByOne)
            let linear = try decoder.linearize(try fixture.tensor("z"))
            let pulled = try linear.pullback(try fixture.tensor("v"))
            try check(
                [(doubles(linear.images), "decoded\(ending).f64"), (doubles(pulled), "vjp_z\(ending).f64")],
                fixture.recorded, 1e-5)
        }
    }

    /// A trained model: text encoder, guided U-Net, decoder.
    @Test(.enabled(if: Fixtures.shared("../assets/digits64-sd.safetensors") != nil))
    func digits64() throws {
        let file = try SafetensorsFile(path: try #require(Fixtures.shared("../assets/digits64-sd.safetensors")))
        let recorded = try SafetensorsFile(path: try #require(Fixtures.shared("../assets/digits64-check.safetensors")))
        let model = LatentFixture(file, recorded, try JSONValue(parsing: file.configuration ?? ""))
        var architecture = try #require(TextEncoderArchitecture(weights: file))
        architecture.heads = 2
        let encoder = try TextEncoder(weights: file, architecture: architecture, pool: ThreadPool(threads: 2))
        let numbers = try recorded.tensor("input_ids").int64s().map { Int($0) }
        let context = try encoder.encode((0..<3).map { Array(numbers[$0 * 77..<($0 + 1) * 77]) })
        let unet = try model.unet(height: 8, width: 8)
        let contexts = try unet.read(context)
        let steps = try model.numbers("t").map { 1000 * $0 - 1 }
        let (x, v) = (try model.tensor("x"), try model.tensor("v"))
        let one = try unet.linearize(x, steps: steps, given: [contexts.rows([0, 1])])
        let pulledOne = try one.pullback([v])
        let two = try unet.linearize(x, steps: steps, given: [contexts.rows([2, 2]), contexts.rows([0, 1])])
        let pulledTwo = try two.pullback([v.scaled(by: -2), v.scaled(by: 3)])
        let decoder = try model.decoder(height: 8, width: 8, scaleFactor: 0.63338)
        let decoded = try decoder.linearize(try model.tensor("z"))
        try check(
            [
                (doubles(context), "context.f64"), (doubles(one.values[0]), "eps.f64"),
                (doubles(pulledOne.x), "eps_vjp_x.f64"), (pulledOne.steps.map { 1000 * $0 }, "eps_vjp_t.f64"),
                (doubles(weightedSum(-2, two.values[0], 3, two.values[1])), "guided.f64"),
                (doubles(pulledTwo.x), "guided_vjp_x.f64"), (pulledTwo.steps.map { 1000 * $0 }, "guided_vjp_t.f64"),
                (doubles(decoded.images), "decoded.f64"),
                (doubles(try decoded.pullback(try model.tensor("v_image"))), "decoded_vjp_z.f64"),
            ], recorded, 5e-6)
    }

    /// The first 77 numbers of texts, as openai/CLIP's and transformers' tokenizers pad them.
    @Test(.enabled(if: Fixtures.shared("clip/text_model.weights.safetensors") != nil))
    func textModel() throws {
        let file = try SafetensorsFile(path: try #require(Fixtures.shared("clip/text_model.weights.safetensors")))
        let recorded = try SafetensorsFile(path: try #require(Fixtures.shared("clip/text_model.io.safetensors")))
        var architecture = try #require(TextEncoderArchitecture(weights: file))
        architecture.heads = 4
        let encoder = try TextEncoder(weights: file, architecture: architecture, pool: ThreadPool(threads: 2))
        let numbers = try recorded.tensor("input_ids").int64s().map { Int($0) }
        let context = try encoder.encode((0..<3).map { Array(numbers[$0 * 77..<($0 + 1) * 77]) })
        try check([(doubles(context), "last_hidden_state.f64")], recorded, 2e-6)
    }
}
