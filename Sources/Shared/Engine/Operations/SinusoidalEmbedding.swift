#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Sines and cosines of one number c for each image, which tell a network its noise level (docs/methods/networks.md,
/// "Embeddings"):
///
///     y = [sin(w c), cos(w c)] or [cos(w c), sin(w c)]  over frequencies w
///
/// The operation is differentiable in c.
package struct SinusoidalEmbedding: Operation {
    package let input: Value
    package let output: Value
    let frequencies: Parameter
    /// Whether the sines come first, as in SongUNet.
    let sinesFirst: Bool
    private let loaded = MadeOnce<[Double]>()

    /// - Parameters:
    ///   - input: one feature, the number c.
    ///   - frequencies: half as many as the output has features.
    package init(_ input: Value, output: Value, frequencies: Parameter, sinesFirst: Bool) {
        precondition(input.shape == MapShape(features: 1))
        precondition(output.shape == MapShape(features: 2 * frequencies.count))
        self.input = input
        self.output = output
        self.frequencies = frequencies
        self.sinesFirst = sinesFirst
    }

    /// Returns w_j = 10000^(-j / (n/2 - e)) for n features, with e = 1 if `endpoint` and e = 0 otherwise, rounded to
    /// Float as the reference implementation rounds them.
    package static func positionalFrequencies(features: Int, endpoint: Bool) -> [Float] {
        let half = features / 2
        let divisor = Double(half - (endpoint ? 1 : 0))
        return (0..<half).map { Float(pow(10_000, -Double($0) / divisor)) }
    }

    package var kind: LayerKind { .other }
    package var inputs: [Value] { [input] }
    package var pullbackReadsInputs: Bool { true }

    package func prepare(pullback: Bool) throws {
        try loaded.prepare { try frequencies.load().map { Double($0) } }
    }

    package func forward(_ run: GraphRun) {
        let frequencies = loaded.value ?? []
        let half = frequencies.count
        for image in 0..<run.batch {
            let c = Double(run.activations(input)[image * input.shape.stride])
            let target = run.activations(output) + image * output.shape.stride
            for index in 2 * half..<output.shape.stride { target[index] = 0 }
            for (index, w) in frequencies.enumerated() {
                target[sinesFirst ? index : half + index] = Float(sin(w * c))
                target[sinesFirst ? half + index : index] = Float(cos(w * c))
            }
        }
    }

    package func pullback(_ run: GraphRun) {
        guard let (target, adds) = run.delivery(0, of: input) else { return }
        let frequencies = loaded.value ?? []
        let half = frequencies.count
        for image in 0..<run.batch {
            let c = Double(run.activations(input)[image * input.shape.stride])
            let g = run.cotangent(output) + image * output.shape.stride
            var sum = 0.0
            for (index, w) in frequencies.enumerated() {
                let sine = Double(g[sinesFirst ? index : half + index])
                let cosine = Double(g[sinesFirst ? half + index : index])
                sum += w * (sine * cos(w * c) - cosine * sin(w * c))
            }
            let place = target + image * input.shape.stride
            if !adds { for index in 0..<input.shape.stride { place[index] = 0 } }
            place[0] += Float(sum)
        }
    }
}
