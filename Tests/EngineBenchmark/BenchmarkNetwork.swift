import Diagnostics
import Engine
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
    init(_ weights: any WeightSource, _ precision: ProductPrecision, pool: ThreadPool) throws {
        let settings = try NetworkConfiguration(json: weights.configuration ?? "")
        let network = try PixelNetworks.open(
            weights: weights, configuration: settings, pool: pool, precision: precision)
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

    /// Five guided steps and the decoder. `pullback` is a training step of LD3 on one pair: the way back through all of
    /// them, on which each step's maps are computed again, so that only one step's are held at a time.
    init(solving network: LatentUNet, decodedBy decoder: LatentDecoder) throws {
        let read = try network.read(Self.waves(2, network.contextShape ?? []))
        let contexts = [read.rows([0]), read.rows([1])]
        let (steps, size, guidance) = (5, 0.2, 7.5)
        let weights = [size * (1 - guidance), size * guidance]
        /// Returns the latents before each step, and behind the last.
        func solve() throws -> [Tensor<Float>] {
            var latents = [Self.waves(1, network.latentShape)]
            for step in 0..<steps {
                var next = latents[step].scaled(by: 1 - size)
                let halves = try network.evaluate(latents[step], steps: next.steps, given: contexts)
                for (half, weight) in zip(halves, weights) { next.add(half, times: weight) }
                latents.append(next)
            }
            return latents
        }
        multiplications = 2 * steps * network.multiplications + decoder.multiplications
        forward = { _ in _ = try decoder.decode(solve()[steps]) }
        pullback = { _ in
            let latents = try solve()
            let (images, pull) = try decoder.linearize(latents[steps])
            var cotangent = try pull(images)
            for latent in latents[..<steps].reversed() {
                let pullStep = try network.linearize(latent, steps: latent.steps, given: contexts).pullback
                let pulled = try pullStep(weights.map { cotangent.scaled(by: $0) })
                cotangent = cotangent.scaled(by: 1 - size)
                cotangent.add(pulled.x, times: 1)
            }
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
