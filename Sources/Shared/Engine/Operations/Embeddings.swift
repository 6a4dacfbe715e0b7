#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Sines and cosines of one number an image (METHODS section M14.5): the network's view of the noise level.
///
///     y = [sin(w c), cos(w c)] or [cos(w c), sin(w c)] over frequencies w; differentiable in c.
package struct SinusoidalEmbedding: Operation {
    package let input: Value
    package let output: Value
    let frequencies: Parameter
    /// SongUNet puts the sines first.
    let sinesFirst: Bool
    private let loaded = Lazily<[Double]>()

    /// - Parameters:
    ///   - input: one feature, c.
    ///   - frequencies: half as many as the output has features.
    package init(_ input: Value, output: Value, frequencies: Parameter, sinesFirst: Bool) {
        precondition(input.shape == MapShape(features: 1))
        precondition(output.shape == MapShape(features: 2 * frequencies.count))
        self.input = input
        self.output = output
        self.frequencies = frequencies
        self.sinesFirst = sinesFirst
    }

    /// w_j = 10000^(-j / (n/2 - e)), e = 1 with `endpoint` and 0 without, rounded to Float as the reference has them.
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

    package func forward(_ run: Run) {
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

    package func pullback(_ run: Run) {
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

/// y = x / (1 + exp(-x)) by itself, where no norm or product absorbs it (the embedding's vectors).
package struct SiLU: Operation {
    package let input: Value
    package let output: Value

    package init(_ input: Value, output: Value) {
        precondition(input.shape == output.shape)
        self.input = input
        self.output = output
    }

    package var kind: LayerKind { .other }
    package var inputs: [Value] { [input] }
    package var pullbackReadsInputs: Bool { true }

    package func forward(_ run: Run) {
        let source = Source(run.activations(input)), target = run.activations(output)
        Elementwise.pieces(run, count: run.batch * input.shape.count) { first, end in
            for index in stride(from: first, to: end, by: lanes) {
                let x = load(source + index)
                store(x * logistic(x), target + index)
            }
        }
    }

    package func pullback(_ run: Run) {
        guard let (target, adds) = run.delivery(0, of: input) else { return }
        let source = Source(run.activations(input)), cotangent = Source(run.cotangent(output))
        Elementwise.pieces(run, count: run.batch * input.shape.count) { first, end in
            for index in stride(from: first, to: end, by: lanes) {
                let x = load(source + index)
                let s = logistic(x), one = Vector(repeating: 1)
                let value = load(cotangent + index) * s * multiplyAdd(one, x, one - s)
                store(adds ? value + load(target + index) : value, target + index)
            }
        }
    }
}
