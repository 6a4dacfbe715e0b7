import Engine
import Networks
import Tensors
import TestSupport
import Testing

/// The bits of an image do not depend on its batch or on the number of threads.
@Suite struct InvarianceTests {
    static let small = #"""
        {"init_kwargs": {"model_type": "SongUNet", "img_resolution": 16, "img_channels": 3, "model_channels": 24,
         "channel_mult": [1, 2], "num_blocks": 1, "attn_resolutions": [8], "label_dim": 4}}
        """#
    /// This network is too large for one thread for each image: the threads share each operation instead.
    static let large = #"""
        {"init_kwargs": {"model_type": "SongUNet", "img_resolution": 32, "img_channels": 3, "model_channels": 128,
         "channel_mult": [2, 2], "num_blocks": 1, "attn_resolutions": [16]}}
        """#

    private struct Results: Equatable {
        var values: [Float] = []
        var x: [Float] = []
        var noise: [Float] = []
    }

    private func results(_ json: String, threads: Int, batches: [Int]) throws -> Results {
        let weights = try RandomWeights(json: json)
        let configuration = try NetworkConfiguration(json: json)
        let network = try PixelNetworks.open(
            weights: weights, configuration: configuration, pool: ThreadPool(threads: threads))
        var results = Results()
        var first = 0
        let size = 3 * configuration.imageResolution * configuration.imageResolution
        let numbers = testNumbers(7 * size, seed: 1)
        for batch in batches {
            let shape = [batch, 3, configuration.imageResolution, configuration.imageResolution]
            let x = Tensor(shape: shape, elements: numbers[first * size..<(first + batch) * size])
            let noise = (first..<first + batch).map { Float($0) * 0.2 - 0.5 }
            let linear = try network.linearize(x, noise: noise, labels: nil)
            let pulled = try linear.pullback(x)
            results.values += linear.value.elements
            results.x += pulled.x.elements
            results.noise += pulled.noise
            let value = try network.evaluate(x, noise: noise, labels: nil)
            #expect(value == linear.value)
            first += batch
        }
        return results
    }

    @Test func smallNetwork() throws {
        let alone = try results(Self.small, threads: 1, batches: [7])
        let isFinite = alone.values.allSatisfy(\.isFinite)
        #expect(isFinite && alone.noise != alone.noise.map { _ in 0 })
        #expect(try results(Self.small, threads: 2, batches: [7]) == alone)
        #expect(try results(Self.small, threads: 2, batches: [1, 2, 4]) == alone)
        #expect(try results(Self.small, threads: 3, batches: [5, 1, 1]) == alone)
    }

    @Test func largeNetwork() throws {
        let alone = try results(Self.large, threads: 1, batches: [3])
        let isFinite = alone.values.allSatisfy(\.isFinite)
        #expect(isFinite)
        #expect(try results(Self.large, threads: 2, batches: [3]) == alone)
        #expect(try results(Self.large, threads: 3, batches: [1, 2]) == alone)
    }
}
