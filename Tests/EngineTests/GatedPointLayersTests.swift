import Engine
import Tensors
import TestSupport
import Testing

/// Gated layers over points, against plain loops in Double.
@Suite struct GatedPointLayersTests {
    private let widths = [3, 20, 37, 3]
    private let contextCount = 7
    private let slope = 0.01

    /// The weights of one layer as plain arrays.
    private struct Plain {
        var inputs: Int
        var outputs: Int
        var weight, bias, gateWeight, gateBias, shiftWeight: [Float]
    }

    private var plain: [Plain] {
        widths.indices.dropLast().map { index in
            let (inputs, outputs, seed) = (widths[index], widths[index + 1], UInt64(10 * index))
            return Plain(
                inputs: inputs, outputs: outputs, weight: testNumbers(inputs * outputs, seed: seed + 1).map { $0 / 2 },
                bias: testNumbers(outputs, seed: seed + 2),
                gateWeight: testNumbers(outputs * contextCount, seed: seed + 3),
                gateBias: testNumbers(outputs, seed: seed + 4),
                shiftWeight: testNumbers(outputs * contextCount, seed: seed + 5))
        }
    }

    private func layers(threads: Int = 1) throws -> GatedPointLayers {
        let layers = plain.map { layer in
            func parameter(_ shape: [Int], _ elements: [Float]) -> Parameter {
                Parameter(name: "test", shape: shape, elements: elements)
            }
            return GatedPointLayers.Layer(
                weight: parameter([layer.outputs, layer.inputs], layer.weight),
                bias: parameter([layer.outputs], layer.bias),
                gateWeight: parameter([layer.outputs, contextCount], layer.gateWeight),
                gateBias: parameter([layer.outputs], layer.gateBias),
                shiftWeight: parameter([layer.outputs, contextCount], layer.shiftWeight))
        }
        return try GatedPointLayers(
            layers, contextCount: contextCount, slope: Float(slope), pool: ThreadPool(threads: threads))
    }

    /// The last layer's values of one point.
    private func value(_ point: [Double], _ context: [Double]) -> [Double] {
        var x = point
        for (index, layer) in plain.enumerated() {
            x = (0..<layer.outputs).map { row in
                func product(_ matrix: [Float], _ vector: [Double]) -> Double {
                    vector.indices.reduce(0) { $0 + Double(matrix[row * vector.count + $1]) * vector[$1] }
                }
                let gate = 1 / (1 + Double.exp(-product(layer.gateWeight, context) - Double(layer.gateBias[row])))
                let y =
                    (product(layer.weight, x) + Double(layer.bias[row])) * gate + product(layer.shiftWeight, context)
                return index < plain.count - 1 && y < 0 ? slope * y : y
            }
        }
        return x
    }

    private func clouds(_ batch: Int, _ points: Int) -> (points: Tensor<Float>, context: Tensor<Float>) {
        (
            Tensor(shape: [batch, points, 3], elements: testNumbers(batch * points * 3, seed: 71)),
            Tensor(shape: [batch, contextCount], elements: testNumbers(batch * contextCount, seed: 72))
        )
    }

    @Test(arguments: [1, 8, 64, 70, 131]) func valuesMatchPlainLoops(points: Int) throws {
        let (x, context) = clouds(3, points)
        let result = try layers(threads: 2).evaluate(x, context: context)
        #expect(result.shape == [3, points, 3])
        let expected = (0..<3).flatMap { cloud -> [Double] in
            let (x, context) = (x.doubles(sample: cloud), context.doubles(sample: cloud))
            return (0..<points).flatMap { value(Array(x[3 * $0..<3 * $0 + 3]), context) }
        }
        #expect(relativeError(result.elements, expected) < 1e-6)
    }

    @Test func pullbackMatchesDifferences() throws {
        let (x, context) = clouds(2, 67)
        let rate = Tensor<Float>(shape: [2, contextCount], elements: testNumbers(2 * contextCount, seed: 73))
        let (value, pullback) = try layers(threads: 2).linearize(x, context: context, rate: rate)
        #expect(try value == layers().evaluate(x, context: context))
        let cotangent = Tensor<Float>(shape: x.shape, elements: testNumbers(x.count, seed: 74))
        let pulled = pullback(cotangent)
        for cloud in 0..<2 {
            let (x, context) = (x.doubles(sample: cloud), context.doubles(sample: cloud))
            let (rate, weights) = (rate.doubles(sample: cloud), cotangent.doubles(sample: cloud))
            func loss(_ point: Int, _ x: [Double], _ context: [Double]) -> Double {
                let y = self.value(x, context)
                return (0..<3).reduce(0) { $0 + y[$1] * weights[3 * point + $1] }
            }
            let step = 1e-6
            var parameter = 0.0
            var expected: [Double] = []
            for point in 0..<67 {
                let own = Array(x[3 * point..<3 * point + 3])
                for axis in 0..<3 {
                    var (up, down) = (own, own)
                    up[axis] += step
                    down[axis] -= step
                    expected.append((loss(point, up, context) - loss(point, down, context)) / (2 * step))
                }
                let up = zip(context, rate).map { $0 + step * $1 }
                let down = zip(context, rate).map { $0 - step * $1 }
                parameter += (loss(point, own, up) - loss(point, own, down)) / (2 * step)
            }
            #expect(relativeError(pulled.points.doubles(sample: cloud).map(Float.init), expected) < 2e-6)
            #expect(abs(pulled.parameter[cloud] - parameter) < 1e-5 * abs(parameter))
        }
    }

    /// A cloud has the same bits in any batch and on any number of threads.
    @Test func batchAndThreadsChangeNothing() throws {
        let (x, context) = clouds(7, 133)
        let rate = Tensor<Float>(shape: [7, contextCount], elements: testNumbers(7 * contextCount, seed: 75))
        let all = try layers(threads: 3).linearize(x, context: context, rate: rate)
        let pulledOfAll = all.pullback(x)
        for batch in [1, 2] {
            let single = try layers().linearize(
                x.samples(5..<5 + batch), context: context.samples(5..<5 + batch), rate: rate.samples(5..<5 + batch))
            #expect(single.value == all.value.samples(5..<5 + batch))
            let pulled = single.pullback(x.samples(5..<5 + batch))
            #expect(pulled.points == pulledOfAll.points.samples(5..<5 + batch))
            #expect(pulled.parameter == Array(pulledOfAll.parameter[5..<5 + batch]))
        }
    }
}
