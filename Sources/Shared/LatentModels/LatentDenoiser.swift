import Diagnostics
import Diffusion
import Engine
import Networks
import Tensors

/// The denoiser of a latent diffusion model: the U-Net's noise or velocity as a data prediction D(x; t), for latents x
/// [B, C, h, w].
///
/// The U-Net is told the step n = K t - 1 of a table of K noise levels, or 1000 t of a flow, as a real number.
struct LatentDenoiser: ResizableDenoiser {
    private let files: LatentModelFiles
    private let encoder: ContextEncoder?
    private let pool: ThreadPool
    private let precision: ProductPrecision
    private let network: Deferred<LatentUNet>
    private let cache: ContextCache?
    let sampleShape: [Int]

    var hasPullback: Bool { true }
    var labelCount: Int { encoder?.labelCount ?? 0 }
    private var process: NoiseProcess { files.configuration.process }

    /// - Parameters:
    ///   - encoder: nil if the network reads no context.
    ///   - sampleShape: [C, h, w].
    init(
        _ files: LatentModelFiles, encoder: ContextEncoder?, sampleShape: [Int], pool: ThreadPool,
        precision: ProductPrecision
    ) {
        self.files = files
        self.encoder = encoder
        self.sampleShape = sampleShape
        self.pool = pool
        self.precision = precision
        let tokens = encoder?.contextShape[0] ?? 1
        network = Deferred(in: files.places) {
            try LatentUNet(
                weights: files.weights, prefix: LatentModelFiles.networkPrefix,
                configuration: files.configuration.network, height: sampleShape[1], width: sampleShape[2],
                tokens: tokens, pool: pool, precision: precision)
        }
        cache = encoder.map { ContextCache($0) }
    }

    /// The number that divides the sides of a latent, which are halved between levels.
    private var divisor: Int { 1 << (files.configuration.network.channelMultipliers.count - 1) }
    var acceptedShapes: String {
        "\(sampleShape) or [\(sampleShape[0]), h, w] with h and w multiples of \(divisor)"
    }

    func resized(to shape: [Int]) -> (any Denoiser<Float>)? {
        guard shape.count == 3, shape[0] == sampleShape[0],
            shape[1...].allSatisfy({ $0 > 0 && $0.isMultiple(of: divisor) })
        else { return nil }
        return LatentDenoiser(files, encoder: encoder, sampleShape: shape, pool: pool, precision: precision)
    }

    func denoise(_ x: Tensor<Float>, at times: [Double], given condition: Condition) throws -> Tensor<Float> {
        try denoise(x, at: times, givenEach: [condition])[0]
    }

    func linearize(_ x: Tensor<Float>, at times: [Double], given condition: Condition) throws -> Linearization<Float> {
        let all = try linearize(x, at: times, givenEach: [condition])
        return Linearization(value: all.values[0]) { try all.pullback([$0]) }
    }

    func denoise(
        _ x: Tensor<Float>, at times: [Double], givenEach conditions: [Condition]
    ) throws -> [Tensor<Float>] {
        let network = try network.value()
        let outputs = try network.evaluate(
            x, steps: times.map(step), given: conditions.map { try contexts($0, count: x.batch, of: network) })
        let conversion = DataConversion(files.configuration.prediction, process, at: times)
        return outputs.map { conversion.data(x, $0) }
    }

    func linearize(
        _ x: Tensor<Float>, at times: [Double], givenEach conditions: [Condition]
    ) throws -> Linearizations<Float> {
        let network = try network.value()
        let inner = try network.linearize(
            x, steps: times.map(step), given: conditions.map { try contexts($0, count: x.batch, of: network) })
        let conversion = DataConversion(files.configuration.prediction, process, at: times)
        return Linearizations(values: inner.values.map { conversion.data(x, $0) }) { cotangents in
            let pulled = try inner.pullback(cotangents.map { conversion.networkCotangent($0) })
            let sum = cotangents.dropFirst().reduce(cotangents[0]) { weightedSum(1, $0, 1, $1) }
            var timeCotangents = pulled.steps.map { $0 * stepsPerTime }
            for (cotangent, output) in zip(cotangents, inner.values) {
                let direct = conversion.timeCotangents(cotangent, x, output)
                for sample in times.indices { timeCotangents[sample] += direct[sample] }
            }
            return Cotangents(x: conversion.stateCotangent(sum, through: pulled.x), times: timeCotangents)
        }
    }

    /// The derivative of the U-Net's step in time.
    private var stepsPerTime: Double { Double(process.table?.count ?? 1000) }

    /// Returns the step that the U-Net is told at time t. The first entry of a table is its step 0.
    private func step(_ t: Double) -> Double { stepsPerTime * t - (process.table == nil ? 0 : 1) }

    private func contexts(
        _ condition: Condition, count: Int, of network: LatentUNet
    ) throws -> LatentUNet.ReadContext {
        guard let encoder, let cache else { return .none }
        if let contexts = condition.tensors[ContextEncoder.tensorName] { return try network.read(contexts) }
        return try cache.contexts(encoder.keys(condition, count: count), of: network)
    }
}
