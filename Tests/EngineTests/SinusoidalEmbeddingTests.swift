import Engine
import Tensors
import Testing

@Suite struct SinusoidalEmbeddingTests {
    static let cases = [
        embedding(sinesFirst: true), embedding(sinesFirst: false), embedding(sinesFirst: false, features: 2),
    ]

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    @Test func positionalFrequenciesFallGeometrically() {
        let frequencies = SinusoidalEmbedding.positionalFrequencies(features: 8, endpoint: false)
        #expect(frequencies.map { Float($0) } == [1, 0.1, 0.01, 0.001])
        let toTheEnd = SinusoidalEmbedding.positionalFrequencies(features: 6, endpoint: true)
        #expect(toTheEnd.map { Float($0) } == [1, 0.01, 0.0001])
    }

    /// A step between two Floats, at the frequencies of Stable Diffusion (rounded frequencies give 0.30242).
    @Test func aSecondFeatureAndExactFrequenciesKeepAllDigits() throws {
        var graph = Graph()
        let input = graph.input(MapShape(features: 2))
        let frequencies = SinusoidalEmbedding.positionalFrequencies(features: 320, endpoint: false)
        let output = graph.add(MapShape(features: 320)) {
            SinusoidalEmbedding(input, output: $0, frequencies: .exact(frequencies), sinesFirst: false)
        }
        let network = CompiledNetwork(
            graph, inputs: [input], outputs: [output], differentiable: [], pool: ThreadPool(threads: 1))
        let values = try network.evaluate([Tensor(shape: [2, 2], elements: [500.5, 0, 500.5, 1e-5])])[0]
        #expect(values[1] == Float(0.302415487050453))
        #expect(values[320] == Float(Double.cos(500.5 + Double(Float(1e-5)))))
        #expect(values[320] != values[0])
    }

    private static func embedding(sinesFirst: Bool, features: Int = 1) -> OperationCase {
        let frequencies: [Float] = [0.3, 1.7, 4, 0.01, 2.5]
        return OperationCase(
            (sinesFirst ? "sines first" : "cosines first") + ", \(features) features", [MapShape(features: features)],
            build: { graph, values in
                graph.add(MapShape(features: 2 * frequencies.count)) {
                    SinusoidalEmbedding(
                        values[0], output: $0,
                        frequencies: .learned(
                            Parameter(name: "frequencies", shape: [frequencies.count], elements: frequencies)),
                        sinesFirst: sinesFirst)
                }
            },
            plain: { inputs in
                let phases = frequencies.map { Double($0) * inputs[0].reduce(0, +) }
                let cosines = phases.map { Double.cos($0) }
                // sin(x) = cos(x - pi / 2)
                let sines = phases.map { Double.cos($0 - .pi / 2) }
                return sinesFirst ? sines + cosines : cosines + sines
            })
    }
}
