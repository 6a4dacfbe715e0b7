import Diffusion
import FeatureNetworks
import Formats
import LatentModels
import Models
import Networks
import Solvers
import Tensors
import TestSupport
import Testing

/// Whole models from prompts to pictures, against PyTorch in double precision. They are tested if the collection is there.
@Suite struct LatentChainTests {
    private func expect(
        _ values: [(String, [Double])], _ recorded: SafetensorsFile, below tolerance: Double
    ) throws {
        for (name, found) in values {
            let error = relativeError(found, try recorded.tensor("\(name).f64").doubles())
            #expect(error < tolerance, "\(name): \(error)")
        }
    }

    /// Solves along `times`, decodes, and returns the latents, the pictures, the mean square of each picture, and the gradients
    /// of the sum of these in the noise and in all times.
    private func chain(
        _ model: Model, _ solver: String, from noise: Tensor<Float>, along times: [Double], given condition: Condition
    ) throws -> (latents: Tensor<Float>, images: Tensor<Float>, losses: [Double], noise: Tensor<Float>, times: [Double])
    {
        let solver = try Solver(name: solver)
        let executor = Executor(denoiser: model.denoiser, given: condition, seeds: Array(0..<Int64(noise.batch)))
        let trace = try executor.trace(
            solver.program(process: model.process, times: times), from: noise, policy: .keep)
        let decoding = try model.decoder.linearize(trace.result)
        let count = Double(decoding.images.sampleCount)
        let losses = (0..<noise.batch).map { row in
            decoding.images.doubles(sample: row).reduce(0) { $0 + $1 * $1 } / count
        }
        let pulled = try executor.pullback(
            trace, cotangent: decoding.pullback(decoding.images.scaled(by: 2 / count)))
        let variables = times.enumerated().map { Dual.variable($1, index: $0, of: times.count) }
        let program = try solver.program(process: model.process, times: variables)
        return (
            trace.result, decoding.images, losses, pulled.start, pulled.chained(through: program, count: times.count)
        )
    }

    private func doubles(_ tensor: Tensor<Float>) -> [Double] { tensor.elements.map(Double.init) }

    /// A flow, whose network predicts the velocity at the step 1000 t, alone and guided; and Euler's steps from noise to data.
    @Test(.enabled(if: Fixtures.shared("latent/instaflow") != nil)) func rectifiedFlow() throws {
        let folder = try #require(Fixtures.shared("latent/instaflow"))
        let recorded = try SafetensorsFile(path: "\(folder)/io.safetensors")
        let prompts = [
            "A dog sitting at a table in front of a plate.", "a photo of an astronaut riding a horse, 1990s",
        ]
        let condition = Condition(prompts: prompts.map { Prompt($0) })
        for (name, guidance) in [("data", 1), ("guided_data", 1.5)] {
            let model = try ModelCatalogue.open("\(folder)/diffusers", guidance: guidance)
            #expect(model.process == .flow)
            let linear = try model.denoiser.linearize(
                try recorded.tensor("x").tensor(), at: try recorded.tensor("t").doubles(), given: condition)
            let pulled = try linear.pullback(try recorded.tensor("v").tensor())
            try expect(
                [(name, doubles(linear.value)), ("\(name)_vjp_x", doubles(pulled.x)), ("\(name)_vjp_t", pulled.times)],
                recorded, below: 2e-5)
        }
        let model = try ModelCatalogue.open("\(folder)/diffusers", guidance: 1.5)
        let found = try chain(
            model, "euler", from: try recorded.tensor("noise").tensor(), along: try recorded.tensor("grid").doubles(),
            given: condition)
        try expect(
            [
                ("euler4_latent", doubles(found.latents)), ("euler4_loss", found.losses),
                ("euler4_grad_noise", doubles(found.noise)),
            ], recorded, below: 5e-5)
        // The last step is the data prediction, in which the end does not stand.
        let slopes = try recorded.tensor("euler4_grad_t.f64").doubles()
        #expect(relativeError(Array(found.times.dropLast()), Array(slopes.dropLast())) < 5e-5)
        #expect(found.times.last == 0)
    }

    /// The numbers of digits64 that the repository's own file leaves out.
    @Test(.enabled(if: Fixtures.shared("../assets/digits64-check.safetensors") != nil)) func digits64() throws {
        let recorded = try SafetensorsFile(path: try #require(Fixtures.shared("../assets/digits64-check.safetensors")))
        let prompts = ["a red seven on a blue background", "a photo of a green 3", ""]
        let tokenizer = try LatentModelFiles.shippedTokenizer()
        let tokens = prompts.flatMap { tokenizer.tokens($0, length: 77).numbers }
        #expect(try tokens == recorded.tensor("input_ids").int64s().map { Int($0) })

        let model = try ModelCatalogue.open("digits64", guidance: 3)
        let found = try chain(
            model, "ddim", from: try recorded.tensor("chain_noise").tensor(),
            along: try recorded.tensor("chain_t").doubles(),
            given: Condition(prompts: prompts.prefix(2).map { Prompt($0) }))
        try expect(
            [
                ("chain_latent", doubles(found.latents)), ("chain_image", doubles(found.images)),
                ("chain_loss", found.losses), ("chain_grad_noise", doubles(found.noise)),
                ("chain_grad_t", found.times),
            ], recorded, below: 2e-5)
        let network = try #require(try FeatureCatalogue.features("digits64") as? DigitFeatures)
        let features = try network.features(images: found.images.map { min(max($0, -1), 1) })
        try expect(
            [("feature", doubles(features)), ("logits", doubles(network.logits(features)))], recorded, below: 1e-5)
    }
}
