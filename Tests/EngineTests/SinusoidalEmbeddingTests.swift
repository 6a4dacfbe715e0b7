import Engine
import Tensors
import Testing

@Suite struct SinusoidalEmbeddingTests {
    static let cases = [embedding(sinesFirst: true), embedding(sinesFirst: false)]

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    @Test func positionalFrequenciesFallGeometrically() {
        let frequencies = SinusoidalEmbedding.positionalFrequencies(features: 8, endpoint: false)
        #expect(frequencies == [1, 0.1, 0.01, 0.001])
        let toTheEnd = SinusoidalEmbedding.positionalFrequencies(features: 6, endpoint: true)
        #expect(toTheEnd == [1, 0.01, 0.0001])
    }

    private static func embedding(sinesFirst: Bool) -> OperationCase {
        let frequencies: [Float] = [0.3, 1.7, 4, 0.01, 2.5]
        return OperationCase(
            sinesFirst ? "sines first" : "cosines first", [MapShape(features: 1)],
            build: { graph, values in
                graph.add(MapShape(features: 2 * frequencies.count)) {
                    SinusoidalEmbedding(
                        values[0], output: $0,
                        frequencies: Parameter(name: "frequencies", shape: [frequencies.count], elements: frequencies),
                        sinesFirst: sinesFirst)
                }
            },
            plain: { inputs in
                let phases = frequencies.map { Double($0) * inputs[0][0] }
                let cosines = phases.map { Double.cos($0) }
                // sin(x) = cos(x - pi / 2)
                let sines = phases.map { Double.cos($0 - .pi / 2) }
                return sinesFirst ? sines + cosines : cosines + sines
            })
    }
}
