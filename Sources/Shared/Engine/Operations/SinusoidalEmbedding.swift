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
    /// The frequencies w: learned, and read with the weights, or known exactly.
    package enum Frequencies: Sendable {
        case learned(Parameter)
        case exact([Double])

        package var count: Int {
            switch self {
            case .learned(let parameter): parameter.count
            case .exact(let numbers): numbers.count
            }
        }

        fileprivate func load() throws -> [Double] {
            switch self {
            case .learned(let parameter): try parameter.load().map { Double($0) }
            case .exact(let numbers): numbers
            }
        }
    }

    package let input: Value
    package let output: Value
    let frequencies: Frequencies
    /// Whether the sines come first, as in SongUNet.
    let sinesFirst: Bool
    private let loaded = MadeOnce<[Double]>()

    /// - Parameters:
    ///   - input: the number c as one feature, or as the sum of two features, which hold more digits than one Float.
    ///   - frequencies: half as many as the output has features.
    package init(_ input: Value, output: Value, frequencies: Frequencies, sinesFirst: Bool) {
        precondition(input.shape.pixels == 1 && (1...2).contains(input.shape.channels))
        precondition(output.shape == MapShape(features: 2 * frequencies.count))
        self.input = input
        self.output = output
        self.frequencies = frequencies
        self.sinesFirst = sinesFirst
    }

    /// Returns w_j = 10000^(-j / (n/2 - e)) for n features, with e = 1 if `endpoint` and e = 0 otherwise.
    package static func positionalFrequencies(features: Int, endpoint: Bool) -> [Double] {
        let half = features / 2
        let divisor = Double(half - (endpoint ? 1 : 0))
        return (0..<half).map { pow(10_000, -Double($0) / divisor) }
    }

    package var kind: LayerKind { .other }
    package var inputs: [Value] { [input] }
    package var pullbackReadsInputs: Bool { true }

    package func prepare(pullback: Bool) throws {
        try loaded.prepare { try frequencies.load() }
    }

    /// Returns c of one image.
    private func number(_ run: GraphRun, _ image: Int) -> Double {
        let features = run.activations(input) + image * input.shape.stride
        return (0..<input.shape.channels).reduce(0) { $0 + Double(features[$1]) }
    }

    package func forward(_ run: GraphRun) {
        let frequencies = loaded.value ?? []
        let half = frequencies.count
        for image in 0..<run.batch {
            let c = number(run, image)
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
            let c = number(run, image)
            let g = run.cotangent(output) + image * output.shape.stride
            var sum = 0.0
            for (index, w) in frequencies.enumerated() {
                let sine = Double(g[sinesFirst ? index : half + index])
                let cosine = Double(g[sinesFirst ? half + index : index])
                sum += w * (sine * cos(w * c) - cosine * sin(w * c))
            }
            let place = target + image * input.shape.stride
            if !adds { for index in 0..<input.shape.stride { place[index] = 0 } }
            for index in 0..<input.shape.channels { place[index] += Float(sum) }
        }
    }
}
