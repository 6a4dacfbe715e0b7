import Engine
import Tensors
import Testing

@Suite struct PoolingTests {
    static let cases = [
        pooling(.maximum, height: 5, width: 6, PoolingWindow(size: 2, stride: 2, ceils: true)),
        pooling(.maximum, height: 7, width: 9, PoolingWindow(size: 3, stride: 2, padding: 1)),
        pooling(.maximum, height: 4, width: 4, PoolingWindow(size: 2, stride: 2), rectifies: true),
        pooling(.mean(countsPadding: true), height: 7, width: 6, PoolingWindow(size: 3, stride: 2, padding: 1)),
        pooling(.mean(countsPadding: true), height: 6, width: 4, PoolingWindow(size: 3, stride: 2, ceils: true)),
        pooling(.mean(countsPadding: false), height: 7, width: 6, PoolingWindow(size: 3, stride: 2, padding: 1)),
        pooling(
            .mean(countsPadding: false), height: 5, width: 5, PoolingWindow(size: 3, stride: 1, padding: 1),
            rectifies: true),
    ]

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    /// PyTorch's rule: a last window counts with `ceils` if it starts inside the map or its left padding.
    @Test func sizesAreRoundedUpOnDemand() {
        func size(_ n: Int, _ window: PoolingWindow) -> Int {
            window.output(of: MapShape(height: n, width: 1 + window.size, channels: 1)).height
        }
        #expect(size(5, PoolingWindow(size: 2, stride: 2)) == 2)
        #expect(size(5, PoolingWindow(size: 2, stride: 2, ceils: true)) == 3)
        #expect(size(6, PoolingWindow(size: 3, stride: 2, ceils: true)) == 3)
        #expect(size(3, PoolingWindow(size: 2, stride: 3, padding: 1, ceils: true)) == 2)
    }

    /// The first of several equal maxima receives the cotangent.
    @Test func tiesGoToTheFirst() throws {
        var graph = Graph()
        let window = PoolingWindow(size: 2, stride: 2)
        let input = graph.input(MapShape(height: 2, width: 4, channels: 1))
        let output = graph.add(window.output(of: input.shape)) {
            Pooling(input, output: $0, window: window, kind: .maximum)
        }
        let network = CompiledNetwork(
            graph, inputs: [input], outputs: [output], differentiable: [input], pool: ThreadPool(threads: 1))
        let x = Tensor<Float>(shape: [1, 1, 2, 4], elements: [1, 3, 2, 2, 3, 3, 2, 2])
        let pulled = try network.linearize([x]).pullback([Tensor(shape: [1, 1, 1, 2], elements: [5, 7])])
        #expect(pulled[0].elements == [0, 5, 7, 0, 0, 0, 0, 0])
    }

    private static func pooling(
        _ kind: Pooling.Kind, height: Int, width: Int, _ window: PoolingWindow, rectifies: Bool = false
    ) -> OperationCase {
        let channels = 18
        let input = MapShape(height: height, width: width, channels: channels)
        let output = window.output(of: input)
        return OperationCase(
            "\(kind), \(height)x\(width), window \(window.size), stride \(window.stride)"
                + "\(rectifies ? ", rectified" : "")",
            [input],
            build: { graph, values in
                graph.add(output) {
                    Pooling(values[0], output: $0, window: window, kind: kind, rectifies: rectifies)
                }
            },
            plain: { inputs in
                (0..<channels * output.pixels).map { index in
                    let (channel, pixel) = (index / output.pixels, index % output.pixels)
                    let top = pixel / output.width * window.stride - window.padding
                    let left = pixel % output.width * window.stride - window.padding
                    var covered: [Double] = []
                    for y in top..<top + window.size where (0..<height).contains(y) {
                        for x in left..<left + window.size where (0..<width).contains(x) {
                            covered.append(inputs[0][(channel * height + y) * width + x])
                        }
                    }
                    let sum = covered.reduce(0, +)
                    let result =
                        switch kind {
                        case .maximum: covered.max() ?? 0
                        case .mean(countsPadding: true):
                            sum / Double(padded(top, window, height) * padded(left, window, width))
                        case .mean(countsPadding: false): sum / Double(covered.count)
                        }
                    return rectifies ? max(result, 0) : result
                }
            })
    }

    /// Returns how many places of a window that starts at `start` lie inside the map or its padding.
    private static func padded(_ start: Int, _ window: PoolingWindow, _ size: Int) -> Int {
        (start..<start + window.size).count { (-window.padding..<size + window.padding).contains($0) }
    }
}
