import Tensors
import Testing

/// Arithmetic of whole tensors against plain loops, in both precisions.
@Suite struct TensorArithmeticTests {
    private func check<Element: TensorElement>(_ type: Element.Type) {
        // The counts are odd, so that the last block of a loop is a short one.
        let shape = [3, 7, 83]
        let count = shape.reduce(1, *)
        let a = (0..<count).map { Element(Double($0 % 97) / 31 - 1.4) }
        let b = (0..<count).map { Element(Double($0 % 89) / 17 - 2.6) }
        let (left, right) = (Tensor(shape: shape, elements: a), Tensor(shape: shape, elements: b))
        #expect(left.scaled(by: 0.3).elements == a.map { Element(0.3 * Double($0)) })
        let factors = [0.1, -2, 3]
        let size = left.sampleCount
        #expect(
            left.scaled(bySample: factors).elements == a.indices.map { Element(factors[$0 / size] * Double(a[$0])) })
        #expect(
            weightedSum(0.7, left, -1.3, right).elements
                == zip(a, b).map { Element(0.7 * Double($0) + -1.3 * Double($1)) })
        var sum = left
        sum.add(right, times: 0.25)
        #expect(sum.elements == zip(a, b).map { $0 + Element(0.25) * $1 } && left.elements == a)
        let product = zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        #expect(abs(left.dot(right) - product) < 1e-11 * Double(count))
        var broken = left
        #expect(broken.firstNonFinite() == nil)
        broken[611] = .nan
        broken[700] = .infinity
        #expect(broken.firstNonFinite() == 611)
        let doubles: Tensor<Double> = left.converted()
        #expect(doubles.elements == a.map { Double($0) } && doubles.converted(to: Element.self) == left)
        let gathered = left.gather([2, 0])
        #expect(gathered.elements == Array(a[2 * size..<3 * size]) + Array(a[..<size]))
        var scattered = left
        scattered.scatter(gathered, to: [0, 2])
        #expect(scattered.gather([0, 2]) == gathered && scattered.samples(1..<2) == left.samples(1..<2))
        #expect(Tensor.concatenate([left.samples(0..<1), left.samples(1..<3)]) == left)
    }

    @Test func inFloat() { check(Float.self) }
    @Test func inDouble() { check(Double.self) }
}
