import Checkpoints
import Diagnostics
import Formats
import Networks
import Tensors
import TestSupport

/// Constructor arguments from a hostile file, over weights that fit undamaged ones.
enum ArchitectureTarget {
    static func make() throws -> Target {
        let weights = try CheckpointFile.open(Fixtures.path("checkpoints/ddpmpp_cond_edm.weights.safetensors"))
        let pool = ThreadPool(threads: 1)
        let guided = """
            {"init_kwargs": {"image_size": 8, "in_channels": 3, "out_channels": 6, "model_channels": 32,
            "num_res_blocks": 1, "attention_resolutions": [2], "num_heads": 4, "resblock_updown": true}}
            """
        let words = [
            "\"fourier\"", "\"skip\"", "\"residual\"", "\"DhariwalUNet\"", "\"UNetModel\"", "0", "-1", "7", "1048576",
            "[]", "[1,3,3,1]", "null", "true", "\"resample_filter\":", "\"iDDPMPrecond\"",
        ]
        return Target(
            name: "architecture", weight: 4, corpus: [weights.configuration ?? "{}", guided].map(\.bytes),
            words: words.map(\.bytes)
        ) { bytes in
            let configuration = try NetworkConfiguration(JSONValue(parsing: bytes))
            let network = try PixelNetworks.open(weights: weights, configuration: configuration, pool: pool)
            let size = configuration.imageResolution
            guard size <= 16 else { return }
            let x = Tensor<Float>(shape: [1, configuration.imageChannels, size, size], repeating: 0.5)
            _ = try network.evaluate(x, noise: [0.25], labels: nil)
        }
    }
}
