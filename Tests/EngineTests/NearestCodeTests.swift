import Engine
import Tensors
import TestSupport
import Testing

@Suite struct NearestCodeTests {
    static let cases = [
        nearest(height: 3, width: 5, channels: 3, codes: 37), nearest(height: 4, width: 4, channels: 20, codes: 16),
        nearest(height: 1, width: 2, channels: 1, codes: 1),
    ]

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    @Test func theFirstOfEquallyNearCodesIsTaken() throws {
        // Codes 0 and 3 are equally far from 0; code 17 is code 16 again, in the next vector but one.
        var codes = [Float](repeating: 9, count: 40)
        (codes[0], codes[3], codes[16], codes[17]) = (1, -1, 4, 4)
        let values = try network(codes, width: 3).network.evaluate([
            Tensor(shape: [1, 1, 1, 3], elements: [0, -0.5, 4.5])
        ])
        #expect(values[0].elements == [1, -1, 4])
    }

    @Test func whatIsNotFiniteStaysSo() throws {
        let values = try network([0, 1, 2], width: 3).network.evaluate([
            Tensor(shape: [1, 1, 1, 3], elements: [.nan, .infinity, 1.2])
        ])
        #expect(values[0][0].isNaN && values[0][1].isNaN && values[0][2] == 1)
    }

    @Test func thePullbackIsTheIdentity() throws {
        let (network, shape) = network([0, 1, 2], width: 4)
        let linear = try network.linearize([Tensor(shape: shape, elements: testNumbers(4, seed: 1))])
        let cotangent = Tensor(shape: shape, elements: testNumbers(4, seed: 2))
        #expect(try linear.pullback([cotangent])[0] == cotangent)
    }

    private func network(_ codes: [Float], width: Int) -> (network: CompiledNetwork, shape: [Int]) {
        var graph = Graph()
        let input = graph.input(MapShape(height: 1, width: width, channels: 1))
        let output = graph.add(input.shape) {
            NearestCode(input, output: $0, codes: Parameter(name: "codes", shape: [codes.count, 1], elements: codes))
        }
        let network = CompiledNetwork(
            graph, inputs: [input], outputs: [output], differentiable: [input], pool: ThreadPool(threads: 1))
        return (network, [1, 1, 1, width])
    }

    private static func nearest(height: Int, width: Int, channels: Int, codes: Int) -> OperationCase {
        let table = doubles(testNumbers(codes * channels, seed: 7))
        let pixels = height * width
        return OperationCase(
            "\(height)x\(width), \(channels) channels, \(codes) codes",
            [MapShape(height: height, width: width, channels: channels)],
            build: { graph, values in
                graph.add(values[0].shape) {
                    NearestCode(values[0], output: $0, codes: testParameter("codes", [codes, channels], seed: 7))
                }
            },
            plain: { inputs in
                var result = inputs[0]
                for pixel in 0..<pixels {
                    let distances = (0..<codes).map { code in
                        (0..<channels).reduce(0.0) {
                            let difference = inputs[0][$1 * pixels + pixel] - table[code * channels + $1]
                            return $0 + difference * difference
                        }
                    }
                    let code = distances.indices.min { distances[$0] < distances[$1] } ?? 0
                    for channel in 0..<channels { result[channel * pixels + pixel] = table[code * channels + channel] }
                }
                return result
            })
    }
}
