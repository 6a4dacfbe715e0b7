import Diagnostics
import Formats
import Foundation
import Networks
import Tensors

/// A network to time: what it does with a batch of made-up inputs.
struct BenchmarkNetwork {
    /// Multiply-adds of one image, counted as a direct computation of a batch of one.
    let multiplications: Int
    let forward: (_ batch: Int) throws -> Void
    /// A forward run and the pullback behind it.
    let pullback: (_ batch: Int) throws -> Void

    /// A network of pixels.
    init(_ weights: any WeightSource, pool: ThreadPool) throws {
        let settings = try NetworkConfiguration(json: weights.configuration ?? "")
        let network = try PixelNetworks.open(weights: weights, configuration: settings, pool: pool)
        let shape = [settings.imageChannels, settings.imageResolution, settings.imageResolution]
        let noise = { [Float](repeating: 0.4, count: $0) }
        multiplications = network.multiplications
        forward = { _ = try network.evaluate(Self.waves($0, shape), noise: noise($0), labels: nil) }
        pullback = { batch in
            let x = Self.waves(batch, shape)
            _ = try network.linearize(x, noise: noise(batch), labels: nil).pullback(x)
        }
    }

    /// A U-Net of latent diffusion. A batch of two is one latent under two contexts, if the network reads contexts.
    init(_ network: LatentUNet) throws {
        let contexts = try network.contextShape.map { shape in
            let read = try network.read(Self.waves(2, shape))
            return [read.rows([0]), read.rows([1])]
        }
        func inputs(_ batch: Int) throws -> (Tensor<Float>, [LatentUNet.ReadContext]) {
            guard let contexts else { return (Self.waves(batch, network.latentShape), [.none]) }
            guard batch <= 2 else { throw Failure(.usage, "a network with contexts is timed at batch 1 and 2") }
            return (Self.waves(1, network.latentShape), Array(contexts[..<batch]))
        }
        multiplications = network.multiplications
        forward = { batch in
            let (x, contexts) = try inputs(batch)
            _ = try network.evaluate(x, steps: x.steps, given: contexts)
        }
        pullback = { batch in
            let (x, contexts) = try inputs(batch)
            let (values, pullback) = try network.linearize(x, steps: x.steps, given: contexts)
            _ = try pullback(values)
        }
    }

    init(_ decoder: LatentDecoder) {
        multiplications = decoder.multiplications
        forward = { _ = try decoder.decode(Self.waves($0, decoder.latentShape)) }
        pullback = { batch in
            let (images, pullback) = try decoder.linearize(Self.waves(batch, decoder.latentShape))
            _ = try pullback(images)
        }
    }

    private static func waves(_ batch: Int, _ shape: [Int]) -> Tensor<Float> {
        let count = batch * shape.reduce(1, *)
        return Tensor(shape: [batch] + shape, elements: (0..<count).map { Float(sin(Double($0) * 12.9898) * 1.5) })
    }
}

extension Tensor<Float> {
    fileprivate var steps: [Double] { [Double](repeating: 500.5, count: batch) }
}
