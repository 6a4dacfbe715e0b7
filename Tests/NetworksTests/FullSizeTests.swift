import Engine
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

/// In a network of real depth the fast kernels agree with plain sums to within 1e-4, in the value and in the
/// cotangents.
///
/// The network has a quarter of the width of the CIFAR-10 network; LD3_FULL_TESTS=1 takes the whole width (3 GB of
/// memory).
@Suite struct FullSizeTests {
    private static let isFull = ProcessInfo.processInfo.environment["LD3_FULL_TESTS"] == "1"

    private static let configuration = #"""
        {"init_kwargs": {"model_type": "SongUNet", "img_resolution": 32, "img_channels": 3, "channel_mult": [2, 2, 2],
         "num_blocks": 4, "attn_resolutions": [16], "augment_dim": 9, "model_channels": WIDTH}}
        """#.replacingOccurrences(of: "WIDTH", with: isFull ? "128" : "32")

    private func results(_ kernel: ConvolutionKernel?) throws -> [[Double]] {
        let weights = try RandomWeights(json: Self.configuration)
        let network = try PixelNetworks.open(
            weights: weights, configuration: try NetworkConfiguration(json: Self.configuration),
            pool: ThreadPool(threads: 2), kernel: kernel)
        let x = Tensor(shape: [1, 3, 32, 32], elements: testNumbers(3072, seed: 1).map { 2 * $0 })
        let v = Tensor(shape: [1, 3, 32, 32], elements: testNumbers(3072, seed: 2))
        let linear = try network.linearize(x, noise: [0.3], labels: nil)
        let pulled = try linear.pullback(v)
        return [doubles(linear.value), doubles(pulled.x), pulled.noise.map { Double($0) }]
    }

    @Test func fastKernelsInADeepNetwork() throws {
        let plain = try results(.indirect)
        let fast = try results(nil)
        for (index, name) in ["value", "cotangent of x", "cotangent of c_noise"].enumerated() {
            let error = relativeError(fast[index], plain[index])
            #expect(error < 1e-4, "\(name): \(error)")
        }
    }
}
