import Diagnostics
import Formats
import Networks
import Tensors
import TestSupport
import Testing

/// Latent diffusion's U-Net against values and cotangents of CompVis' classes in double precision.
@Suite struct LatentUNetTests {
    /// Half of the network's contexts are the unconditional ones.
    private static func texts(_ sd: LatentFixture, _ unet: LatentUNet) throws -> [LatentUNet.ReadContext] {
        let text = try unet.read(try sd.tensor("embedding"))
        return [text.rows([0, 1]), text.rows([2, 2])]
    }

    private func expectClose(
        _ ours: [Double], _ expected: [Double], _ tolerance: Double, _ name: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = relativeError(ours, expected)
        #expect(error < tolerance, "\(name): \(error)", sourceLocation: sourceLocation)
    }

    @Test func stableDiffusion() throws {
        let sd = try LatentFixture("sd")
        let unet = try sd.unet(height: 16, width: 16)
        let contexts = try Self.texts(sd, unet)
        for (context, name) in zip(contexts, ["out_conditional", "out_unconditional"]) {
            let linear = try unet.linearize(try sd.tensor("x"), steps: try sd.numbers("t_input"), given: [context])
            let pulled = try linear.pullback([try sd.tensor("v")])
            expectClose(doubles(linear.values[0]), try sd.numbers(name), 1e-5, name)
            expectClose(doubles(pulled.x), try sd.numbers("\(name)_vjp_x"), 2e-5, name)
            expectClose(pulled.steps, try sd.numbers("\(name)_vjp_t_input"), 2e-5, name)
        }
    }

    /// The part of the network before the first context is computed once for both contexts, which changes no bits.
    @Test func severalContextsAtOnce() throws {
        let sd = try LatentFixture("sd")
        let unet = try sd.unet(height: 16, width: 16)
        let contexts = try Self.texts(sd, unet)
        let (x, v, steps) = (try sd.tensor("x"), try sd.tensor("v"), try sd.numbers("t_input"))
        let both = try unet.linearize(x, steps: steps, given: contexts)
        let pulled = try both.pullback([v, v.scaled(by: 2)])
        let each = try contexts.map { try unet.linearize(x, steps: steps, given: [$0]) }
        #expect(both.values == each.map { $0.values[0] })
        #expect(try unet.evaluate(x, steps: steps, given: contexts) == both.values)
        let first = try each[0].pullback([v]), second = try each[1].pullback([v.scaled(by: 2)])
        expectClose(doubles(pulled.x), doubles(weightedSum(1, first.x, 1, second.x)), 2e-6, "x")
        expectClose(pulled.steps, zip(first.steps, second.steps).map { $0 + $1 }, 1e-5, "steps")
    }

    @Test func latentsThatAreNotSquare() throws {
        let sd = try LatentFixture("sd")
        let unet = try sd.unet(height: 16, width: 24)
        let context = try unet.read(try sd.tensor("embedding")).rows([0])
        let steps = [try sd.numbers("t_input")[0]]
        let value = try unet.evaluate(try sd.tensor("wide_x"), steps: steps, given: [context])[0]
        expectClose(doubles(value), try sd.numbers("wide_out"), 1e-5, "wide_out")
        // The cotangents are the slopes along a direction, and along the step.
        let x = try sd.tensor("wide_x")
        let (direction, v) = (
            Tensor<Float>(shape: x.shape, elements: testNumbers(x.count, seed: 3)),
            Tensor<Float>(shape: x.shape, elements: testNumbers(x.count, seed: 4))
        )
        func product(_ offset: Double, _ step: Double) throws -> Double {
            let moved = weightedSum(1, x, offset, direction)
            return try Double(unet.evaluate(moved, steps: [steps[0] + step], given: [context])[0].dot(v))
        }
        let pulled = try unet.linearize(x, steps: steps, given: [context]).pullback([v])
        let slope = try (product(0.01, 0) - product(-0.01, 0)) / 0.02
        expectClose([slope], [Double(pulled.x.dot(direction))], 2e-3, "slope in x")
        expectClose([try (product(0, 0.1) - product(0, -0.1)) / 0.2], pulled.steps, 5e-3, "slope in the step")
        #expect(throws: Failure.self) { try sd.unet(height: 16, width: 20) }
    }

    /// Plain attention, no context; the step is n = 1000 t - 1.
    @Test func lsun() throws {
        let lsun = try LatentFixture("lsun")
        let unet = try lsun.unet(height: 16, width: 16)
        let steps = try lsun.numbers("t").map { 1000 * $0 - 1 }
        let linear = try unet.linearize(try lsun.tensor("x"), steps: steps, given: [.none])
        let pulled = try linear.pullback([try lsun.tensor("v")])
        expectClose(doubles(linear.values[0]), try lsun.numbers("noise_raw"), 1e-5, "noise_raw")
        expectClose(doubles(pulled.x), try lsun.numbers("noise_raw_vjp_x"), 1e-5, "noise_raw_vjp_x")
        expectClose(pulled.steps.map { 1000 * $0 }, try lsun.numbers("noise_raw_vjp_t"), 1e-4, "noise_raw_vjp_t")
    }

    @Test func bitsDoNotDependOnBatchAndThreads() throws {
        let sd = try LatentFixture("sd")
        let x = Tensor(shape: [7, 4, 16, 16], elements: testNumbers(7 * 1024, seed: 5))
        let steps = (0..<7).map { 140.3 * Double($0) }
        func values(_ batches: [Range<Int>], threads: Int) throws -> [Tensor<Float>] {
            let unet = try sd.unet(height: 16, width: 16, threads: threads)
            let texts = try unet.read(try sd.tensor("embedding"))
            let parts = try batches.map { batch in
                let contexts = [texts.rows(batch.map { $0 % 2 }), texts.rows(batch.map { _ in 2 })]
                return try unet.evaluate(x.samples(batch), steps: Array(steps[batch]), given: contexts)
            }
            return (0..<2).map { index in .concatenate(parts.map { $0[index] }) }
        }
        let expected = try values([0..<7], threads: 1)
        #expect(try values([0..<1, 1..<3, 3..<7], threads: 3) == expected)
    }

    /// Two steps that are one Float give different values, and the cotangent of the step is the slope.
    @Test func stepsHaveMoreDigitsThanAFloat() throws {
        let lsun = try LatentFixture("lsun")
        let unet = try lsun.unet(height: 16, width: 16)
        let x = try lsun.tensor("x").samples(0..<1), v = try lsun.tensor("v").samples(0..<1)
        func value(_ step: Double) throws -> Tensor<Float> { try unet.evaluate(x, steps: [step], given: [.none])[0] }
        let (near, rounded) = (900.30001, Double(Float(900.3)))
        #expect(Float(near) == Float(rounded))
        #expect(try value(near) != value(rounded))
        let slope = try unet.linearize(x, steps: [900.3], given: [.none]).pullback([v]).steps[0]
        expectClose([(try value(900.35).dot(v) - value(900.25).dot(v)) / 0.1], [slope], 2e-3, "slope")
    }

    /// A second transformer block would be left out without a word.
    @Test func partsThatTheNetworkLacksAreRefused() throws {
        let lsun = try NetworkConfiguration(
            json: #"{"image_size": 16, "in_channels": 3, "out_channels": 3, "model_channels": 8, "num_res_blocks": 1}"#)
        func open(_ weights: (any WeightSource)?) throws -> LatentUNet {
            var configuration = lsun
            configuration.guided.groups = 2
            return try LatentUNet(
                weights: weights, prefix: "model.", configuration: configuration, height: 16, width: 16, tokens: 1,
                pool: ThreadPool(threads: 1))
        }
        let tensors = try open(nil).tensors
        _ = try open(RandomWeights(tensors: tensors + [("other.label_emb.weight", [2, 2])]))
        #expect(throws: Failure.self) { try open(RandomWeights(tensors: Array(tensors.dropFirst()))) }
        #expect(
            throws: Failure(
                .data, place: "model.label_emb.weight",
                "the model file has this tensor, which such a network does not have")
        ) { try open(RandomWeights(tensors: tensors + [("model.label_emb.weight", [2, 2])])) }
    }

    /// A network that reads a context is none of pixels.
    @Test func pixelNetworksHaveNoTransformers() throws {
        let sd = try LatentFixture("sd")
        let configuration = try NetworkConfiguration(
            try #require(sd.configuration["params"]?["unet_config"]?["params"]))
        #expect(throws: Failure.self) {
            try PixelNetworks.open(weights: sd.weights, configuration: configuration, pool: ThreadPool(threads: 1))
        }
    }

    @Test func contextsOfAnotherShapeAreRefused() throws {
        let unet = try LatentFixture("sd").unet(height: 16, width: 16)
        #expect(throws: Failure(.data, "a context of shape [7, 16] came where the network reads [77, 16]")) {
            try unet.read(Tensor(shape: [2, 7, 16]))
        }
    }
}

/// The released networks, known by their shapes alone.
@Suite struct LatentUNetSizeTests {
    struct Released: Sendable, CustomTestStringConvertible {
        var name: String
        var arguments: String
        var tokens = 77
        var tensors: Int
        var parameters: Int
        var testDescription: String { name }

        /// Returns the network without weights.
        func unet() throws -> LatentUNet {
            let json = "{\"image_size\": 64, \"num_res_blocks\": 2, \(arguments)}"
            return try LatentUNet(
                weights: nil, prefix: "", configuration: try NetworkConfiguration(json: json), height: 64, width: 64,
                tokens: tokens, pool: ThreadPool(threads: 1))
        }
    }

    static let released = [
        Released(
            name: "Stable Diffusion 1",
            arguments: #""in_channels": 4, "out_channels": 4, "model_channels": 320, "channel_mult": [1, 2, 4, 4], "#
                + #""attention_resolutions": [4, 2, 1], "num_heads": 8, "use_spatial_transformer": true, "context_dim": 768"#,
            tensors: 686, parameters: 859_520_964),
        Released(
            name: "LSUN",
            arguments: #""in_channels": 3, "out_channels": 3, "model_channels": 224, "channel_mult": [1, 2, 3, 4], "#
                + #""attention_resolutions": [8, 4, 2], "num_head_channels": 32"#,
            tensors: 368, parameters: 274_056_163),
        Released(
            name: "ImageNet",
            arguments: #""in_channels": 3, "out_channels": 3, "model_channels": 192, "channel_mult": [1, 2, 3, 5], "#
                + #""attention_resolutions": [8, 4, 2], "num_heads": 1, "use_spatial_transformer": true, "context_dim": 512"#,
            tokens: 1, tensors: 688, parameters: 400_920_579),
    ]

    @Test(arguments: released) func tensorsAndParameters(_ network: Released) throws {
        let unet = try network.unet()
        #expect(unet.tensors.count == network.tensors)
        #expect(unet.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) } == network.parameters)
        // The shapes alone give the configuration back.
        let shapes = RandomWeights(tensors: unet.tensors)
        #expect(try NetworkConfiguration(latentUNet: shapes, prefix: "").isLike(unet.configuration))
    }

    @Test func headsThatAreNotKnown() throws {
        let sd = try LatentFixture("sd")
        #expect(throws: Failure.self) {
            try NetworkConfiguration(latentUNet: sd.weights, prefix: "model.diffusion_model.")
        }
    }
}

extension NetworkConfiguration {
    /// Whether both describe one network.
    func isLike(_ other: NetworkConfiguration) -> Bool {
        modelChannels == other.modelChannels && channelMultipliers == other.channelMultipliers
            && blocks == other.blocks && Set(attentionResolutions) == Set(other.attentionResolutions)
            && imageChannels == other.imageChannels && guided == other.guided
    }
}
