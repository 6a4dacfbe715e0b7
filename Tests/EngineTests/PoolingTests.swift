import Engine
import Tensors
import TestSupport
import Testing

@Suite struct PoolingTests {
    private func network(
        _ input: MapShape, _ make: (inout Graph, Value) -> Value
    ) -> CompiledNetwork {
        var graph = Graph()
        let source = graph.input(input)
        let output = make(&graph, source)
        return CompiledNetwork(
            graph, inputs: [source], outputs: [output], differentiable: [source], pool: ThreadPool(threads: 2))
    }

    private func pooling(_ input: MapShape, _ window: PoolingWindow, _ kind: Pooling.Kind) -> CompiledNetwork {
        network(input) { graph, source in
            graph.add(window.output(of: input)) { Pooling(source, output: $0, window: window, kind: kind) }
        }
    }

    @Test(arguments: [(5, 5, 2), (6, 6, 2), (7, 9, 3)]) func maximumAndItsCotangent(_ size: (Int, Int, Int)) throws {
        let input = MapShape(height: size.0, width: size.1, channels: 18)
        let window = PoolingWindow(size: size.2, stride: 2, ceils: true)
        let x = Tensor(
            shape: [2, 18, size.0, size.1], elements: testNumbers(36 * size.0 * size.1, seed: 1))
        let (values, pullback) = try pooling(input, window, .maximum).linearize([x])
        let ones = Tensor<Float>(shape: values[0].shape, repeating: 1)
        let pulled = try pullback([ones])[0]
        let (h, w) = (window.output(of: input).height, window.output(of: input).width)
        #expect(h == (size.0 - size.2 + 1) / 2 + 1 && w == (size.1 - size.2 + 1) / 2 + 1)
        var expected = [Float](repeating: 0, count: x.count)
        for map in 0..<36 {
            for place in 0..<h * w {
                let rows = place / w * 2..<min(place / w * 2 + size.2, size.0)
                let columns = place % w * 2..<min(place % w * 2 + size.2, size.1)
                let places = rows.flatMap { i in columns.map { (map * size.0 + i) * size.1 + $0 } }
                let best = places.max { x[$0] < x[$1] } ?? 0
                #expect(values[0][map * h * w + place] == x[best])
                expected[best] += 1
            }
        }
        #expect(pulled.elements == expected)
    }

    @Test func meansWithAndWithoutPadding() throws {
        let input = MapShape(height: 3, width: 3, channels: 1)
        let x = Tensor<Float>(shape: [1, 1, 3, 3], elements: [1, 2, 3, 4, 5, 6, 7, 8, 9])
        let window = PoolingWindow(size: 3, stride: 1, padding: 1)
        let with = try pooling(input, window, .mean(countsPadding: true)).evaluate([x])[0]
        let without = try pooling(input, window, .mean(countsPadding: false)).evaluate([x])[0]
        #expect(abs(with[0] - 12.0 / 9) < 1e-6 && abs(without[0] - 12.0 / 4) < 1e-6)
        #expect(abs(with[4] - 5) < 1e-6 && abs(without[4] - 5) < 1e-6)
    }

    @Test(arguments: [true, false]) func meanPullbackIsTheTranspose(_ countsPadding: Bool) throws {
        let input = MapShape(height: 7, width: 6, channels: 20)
        let window = PoolingWindow(size: 3, stride: 2, padding: 1)
        let x = Tensor(shape: [2, 20, 7, 6], elements: testNumbers(2 * 20 * 42, seed: 1))
        let (values, pullback) = try pooling(input, window, .mean(countsPadding: countsPadding)).linearize([x])
        let v = Tensor(shape: values[0].shape, elements: testNumbers(values[0].count, seed: 2))
        let pulled = try pullback([v])[0]
        expectSame(values[0], v, x, pulled)
    }

    @Test func rectifiedMeans() throws {
        let input = MapShape(height: 5, width: 5, channels: 16)
        let window = PoolingWindow(size: 3, stride: 1, padding: 1)
        let x = Tensor(shape: [1, 16, 5, 5], elements: testNumbers(16 * 25, seed: 3))
        let plain = try pooling(input, window, .mean(countsPadding: false)).linearize([x])
        let rectified = network(input) { graph, source in
            graph.add(window.output(of: input)) {
                Pooling(source, output: $0, window: window, kind: .mean(countsPadding: false), rectifies: true)
            }
        }
        let (values, pullback) = try rectified.linearize([x])
        #expect(values[0].elements == plain.values[0].elements.map { max($0, 0) })
        let v = Tensor(shape: values[0].shape, elements: testNumbers(values[0].count, seed: 4))
        let masked = Tensor<Float>(
            shape: v.shape, elements: zip(v.elements, values[0].elements).map { $1 > 0 ? $0 : 0 })
        #expect(try pullback([v])[0].elements == plain.pullback([masked])[0].elements)
    }

    @Test func globalMean() throws {
        let input = MapShape(height: 4, width: 5, channels: 17)
        let x = Tensor(shape: [3, 17, 4, 5], elements: testNumbers(3 * 17 * 20, seed: 1))
        let (values, pullback) = try network(input) { graph, source in
            graph.add(GlobalMean.outputShape(input)) { GlobalMean(source, output: $0) }
        }.linearize([x])
        #expect(values[0].shape == [3, 17])
        for row in 0..<51 {
            let mean = x.elements[row * 20..<row * 20 + 20].reduce(0, +) / 20
            #expect(abs(values[0][row] - mean) < 1e-6)
        }
        let v = Tensor(shape: [3, 17], elements: testNumbers(51, seed: 2))
        let pulled = try pullback([v])[0]
        expectSame(values[0], v, x, pulled)
    }

    /// <value, v> = <x, pullback(v)> for a linear layer.
    private func expectSame(
        _ value: Tensor<Float>, _ v: Tensor<Float>, _ x: Tensor<Float>, _ pulled: Tensor<Float>
    ) {
        let left = zip(value.elements, v.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        let right = zip(x.elements, pulled.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        #expect(abs(left - right) < 1e-5)
    }
}
