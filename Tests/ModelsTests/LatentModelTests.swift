import Diffusion
import FeatureNetworks
import Formats
import Models
import Schedules
import Solvers
import Tensors
import TestSupport
import Testing

/// The embedded latent diffusion model, from prompts to pictures, against PyTorch in double precision.
struct LatentModelTests {
    private static let prompts: [Prompt?] = ["a red seven on a blue background", "a photo of a green 3"]

    private func check() throws -> SafetensorsFile {
        try SafetensorsFile(path: Fixtures.path("models/digits64-check.safetensors"))
    }

    private func condition(_ prompts: [Prompt?], negative: Prompt? = nil) -> Condition {
        Condition(prompts: prompts, negativePrompts: negative.map { text in prompts.map { _ in text } })
    }

    @Test func theModelIsDescribed() throws {
        let model = try ModelCatalogue.open("digits64")
        #expect(model.sampleShape == [4, 8, 8] && model.targetShape == [4, 8, 8])
        #expect(model.decoder.imageShape == [3, 64, 64] && model.isLatent && model.labelCount == 0)
        #expect(model.process == .vpDiscrete(.stableDiffusion))
    }

    /// The guided data prediction with its gradients in x and t.
    @Test func guidedPredictionsMatchPyTorch() throws {
        let (check, model) = (try check(), try ModelCatalogue.open("digits64", guidance: 3))
        let linear = try model.denoiser.linearize(
            try check.tensor("x").tensor(), at: try check.tensor("t").doubles(), given: condition(Self.prompts))
        let pulled = try linear.pullback(try check.tensor("v").tensor())
        #expect(try relativeError(linear.value.elements, check.floats("data")) < 5e-6)
        #expect(try relativeError(pulled.x.elements, check.floats("data_vjp_x")) < 5e-6)
        #expect(try relativeError(pulled.times, check.tensor("data_vjp_t").doubles()) < 5e-6)
    }

    /// DDIM from a noise to the mean square of the decoded picture, and the gradients in all times.
    @Test func aWholeSolutionMatchesPyTorch() throws {
        let (check, model) = (try check(), try ModelCatalogue.open("digits64", guidance: 3))
        let times = try check.tensor("chain_t").doubles()
        let solver = try Solver(name: "ddim")
        let executor = Executor(denoiser: model.denoiser, given: condition(Self.prompts), seeds: [0, 1])
        let trace = try executor.trace(
            solver.program(process: model.process, times: times), from: try check.tensor("chain_noise").tensor(),
            policy: .keep)
        let decoding = try model.decoder.linearize(trace.result)
        let count = decoding.images.sampleCount
        let losses = (0..<2).map { decoding.images.doubles(sample: $0).reduce(0) { $0 + $1 * $1 } / Double(count) }
        #expect(try relativeError(losses, check.tensor("chain_loss").doubles()) < 1e-5)
        let latents = try decoding.pullback(decoding.images.scaled(by: 2 / Double(count)))
        let pulled = try executor.pullback(trace, cotangent: latents)
        let variables = times.enumerated().map { Dual.variable($1, index: $0, of: times.count) }
        let gradient = pulled.chained(
            through: try solver.program(process: model.process, times: variables), count: times.count)
        #expect(try relativeError(gradient, check.tensor("chain_grad_t").doubles()) < 2e-5)
    }

    /// Each sample has the same bits alone, in a batch, and in any order of prompts.
    @Test func bitsDependOnTheSampleAlone() throws {
        let model = try ModelCatalogue.open("digits64", guidance: 3)
        let noise = GaussianNoise.philox.values(seeds: Array(0..<7), size: 256, pool: ThreadPool(threads: 2))
        let x = Tensor<Float>(shape: [7, 4, 8, 8], elements: noise)
        let prompts = (0..<7).map { $0 == 5 ? nil : Self.prompts[$0 % 2] }
        func rows(_ order: [Int]) throws -> [[Float]] {
            let values = try model.denoiser.denoise(
                x.gather(order), at: order.map { 0.1 + 0.1 * Double($0) },
                given: condition(prompts, negative: "a black zero").rows(order))
            return order.indices.map { values.samples($0..<$0 + 1).elements }
        }
        let whole = try rows(Array(0..<7))
        #expect(try rows([6, 5, 4, 3, 2, 1, 0]) == whole.reversed())
        #expect(try rows([1, 4]) == [whole[1], whole[4]])
        for row in 0..<7 { #expect(try rows([row]) == [whole[row]]) }
    }

    /// Guidance of 1 runs the conditional half alone; a negative prompt takes the place of the empty one.
    @Test func guidanceLeadsAwayFromTheNegativePrompt() throws {
        let (plain, guided) = (try ModelCatalogue.open("digits64"), try ModelCatalogue.open("digits64", guidance: 3))
        let x: Tensor<Float> = try check().tensor("x").tensor()
        func data(_ model: Model, _ condition: Condition) throws -> Tensor<Float> {
            try model.denoiser.denoise(x, at: [0.5, 0.7], given: condition)
        }
        let conditional = try data(plain, condition(Self.prompts))
        #expect(try data(plain, condition(Self.prompts, negative: "black")) == conditional)
        #expect(try data(plain, condition([nil, nil])) == data(plain, condition(["", ""])))
        let away = try data(plain, condition(["a black zero", "a black zero"]))
        let expected = weightedSum(-2, away, 3, conditional)
        let found = try data(guided, condition(Self.prompts, negative: "a black zero"))
        #expect(relativeError(found.elements, expected.elements) < 1e-6)
        #expect(try relativeError(found.elements, data(guided, condition(Self.prompts)).elements) > 1e-2)
    }

    /// Latents of other sizes, also not square ones, are denoised and decoded.
    @Test func sizesChange() throws {
        let model = try ModelCatalogue.open("digits64", guidance: 3).resized(to: [4, 8, 12])
        #expect(model.sampleShape == [4, 8, 12] && model.decoder.imageShape == [3, 64, 96])
        let x = Tensor<Float>(shape: [1, 4, 8, 12], repeating: 0.5)
        let value = try model.denoiser.denoise(x, at: [0.5], given: condition(["a red seven"]))
        #expect(value.shape == x.shape && value.firstNonFinite() == nil)
        #expect(try model.decoder.decode(value).shape == [1, 3, 64, 96])
        #expect(try ModelCatalogue.open("digits64").resized(to: [4, 8, 10]).sampleShape == [4, 8, 8])
    }
}
