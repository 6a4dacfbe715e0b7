import Diagnostics
import Diffusion
import Formats
import LatentModels
import Networks
import Tensors
import TestSupport
import Testing

/// The released models, known by the names and shapes of their tensors alone. No element is read.
@Suite struct LatentRecognitionTests {
    private func tensors(
        channels: Int, width: Int, multipliers: [Int], factors: [Int], heads: String, context: Int?, codes: Int?
    ) throws -> [(name: String, shape: [Int])] {
        let transformer = context.map { #", "use_spatial_transformer": true, "context_dim": \#($0)"# } ?? ""
        let configuration = try NetworkConfiguration(
            json: """
                {"image_size": 64, "num_res_blocks": 2, "in_channels": \(channels), "out_channels": \(channels),
                "model_channels": \(width), "channel_mult": \(multipliers), "attention_resolutions": \(factors), \(heads)
                \(transformer)}
                """)
        let pool = ThreadPool(threads: 1)
        let unet = try LatentUNet(
            weights: nil, prefix: LatentModelFiles.networkPrefix, configuration: configuration, height: 64, width: 64,
            tokens: 77, pool: pool)
        let decoder = try LatentDecoder(
            weights: nil, prefix: LatentModelFiles.decoderPrefix,
            architecture: AutoencoderArchitecture(
                latentChannels: channels, inputChannels: channels, imageChannels: 3,
                levelChannels: codes == nil ? [128, 256, 512, 512] : [128, 256, 512], blocks: 3, codes: codes),
            scaleFactor: 1, height: 8, width: 8, pool: pool)
        return unet.tensors + decoder.tensors
    }

    /// The tensors by which a text encoder of one layer is known.
    private func text(width: Int) -> [(name: String, shape: [Int])] {
        let names =
            width == 768
            ? [
                "embeddings.token_embedding.weight", "embeddings.position_embedding.weight",
                "encoder.layers.0.layer_norm1.weight",
            ]
            : ["token_embedding.weight", "positional_embedding", "transformer.resblocks.0.ln_1.weight"]
        let prefix = width == 768 ? "cond_stage_model.transformer.text_model." : "cond_stage_model.model."
        return zip(names, [[49408, width], [77, width], [width]]).map { (prefix + $0, $1) }
    }

    @Test func stableDiffusion() throws {
        for (context, heads) in [(768, #""num_heads": 8"#), (1024, #""num_head_channels": 64"#)] {
            let weights = RandomWeights(
                tensors: try tensors(
                    channels: 4, width: 320, multipliers: [1, 2, 4, 4], factors: [4, 2, 1], heads: heads,
                    context: context, codes: nil) + text(width: context))
            func recognized(_ json: String?) throws -> LatentConfiguration {
                try LatentConfiguration(shapesOf: weights, document: try json.map { try JSONValue(parsing: $0) })
            }
            let velocity = try recognized(#"{"params": {"parameterization": "v"}}"#)
            #expect(velocity.prediction == .velocity && velocity.scaleFactor == 0.18215)
            #expect(velocity.process == .vpDiscrete(.stableDiffusion) && velocity.latentShape == [4, 64, 64])
            #expect(velocity.text?.width == context && velocity.decoder?.factor == 8)
            if context == 768 {
                #expect(try recognized(nil).prediction == .noise)
            } else {
                let failure = try #require(throws: Failure.self) { try recognized(nil) }
                #expect(failure.message.contains("Stable Diffusion 2") && failure.status == .data)
            }
        }
    }

    @Test func latentDiffusion() throws {
        let bedroom = try tensors(
            channels: 3, width: 224, multipliers: [1, 2, 3, 4], factors: [8, 4, 2], heads: #""num_head_channels": 32"#,
            context: nil, codes: 8192)
        let lsun = try LatentConfiguration(shapesOf: RandomWeights(tensors: bedroom), document: nil)
        #expect(lsun.condition == .none && lsun.process == .vpDiscrete(.latentDiffusion) && lsun.scaleFactor == 1)
        #expect(lsun.decoder?.codes == 8192 && lsun.network.guided.headChannels == 32)
        let classes = try tensors(
            channels: 3, width: 192, multipliers: [1, 2, 3, 5], factors: [8, 4, 2], heads: #""num_heads": 1"#,
            context: 512, codes: 8192)
        #expect(throws: Failure.self) {
            try LatentConfiguration(shapesOf: RandomWeights(tensors: classes), document: nil)
        }
        let embedder = [(name: "cond_stage_model.embedding.weight", shape: [1001, 512])]
        let imageNet = try LatentConfiguration(shapesOf: RandomWeights(tensors: classes + embedder), document: nil)
        #expect(imageNet.condition == .classes(width: 512) && imageNet.network.guided.heads == 1)
    }

    /// The noise levels that a file carries are taken, exactly if they are those of a known model.
    @Test func noiseLevelsOfAFile() throws {
        let sd = NoiseProcess.vpDiscrete(.stableDiffusion)
        func rounded(_ process: NoiseProcess) -> [Double] {
            (1...1000).map { index in
                let alpha = process.alpha(Double(index) / 1000)
                return Double(Float(alpha * alpha))
            }
        }
        #expect(NoiseTable.released(alphasCumprod: rounded(sd)) == .stableDiffusion)
        #expect(NoiseTable.released(alphasCumprod: rounded(.vpDiscrete(.latentDiffusion))) == .latentDiffusion)
        var other = rounded(sd)
        other[500] *= 1 + 3e-6
        #expect(NoiseTable.released(alphasCumprod: other) == nil)
        #expect(NoiseTable.released(alphasCumprod: Array(rounded(sd).dropLast())) == nil)
    }
}
