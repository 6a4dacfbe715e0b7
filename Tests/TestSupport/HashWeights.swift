import Diagnostics
import Formats

/// Makes the deterministic weights of fixtures/perceptual and fixtures/fid from a hash of a parameter's name and place.
package struct HashWeights: WeightSource {
    private let shapes: [String: [Int]]
    package let tensorNames: [String]

    package init(_ parameters: [(name: String, shape: [Int])]) {
        tensorNames = parameters.map(\.name)
        shapes = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.shape) })
    }

    package var configuration: String? { nil }
    package func type(of name: String) -> DataType? { shapes[name] == nil ? nil : .float32 }
    package func shape(of name: String) -> [Int]? { shapes[name] }

    package func floats(_ name: String) throws -> [Float] {
        guard let shape = shapes[name] else { throw Failure(.data, "no tensor named `\(name)`") }
        let (bound, centre) = Self.range(name, shape)
        let start = name.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        return (0..<shape.reduce(1, *)).map { index in
            var x = start &+ UInt32(truncatingIfNeeded: index) &* 0x9E37_79B9
            x ^= x >> 16
            x = x &* 0x85EB_CA6B
            x ^= x >> 13
            x = x &* 0xC2B2_AE35
            x ^= x >> 16
            let sign = 2 * (Float(x >> 8) * 0x1p-24) - 1
            return sign * bound + centre
        }
    }

    private static func range(_ name: String, _ shape: [Int]) -> (bound: Float, centre: Float) {
        if name.contains(".bn.") {
            if name.hasSuffix("running_var") { return (0.4, 1.2) }
            return (0.2, name.hasSuffix("weight") ? 1 : 0)
        }
        if shape.count == 1 { return (0.1, 0) }
        return (Float((6 / Double(shape.dropFirst().reduce(1, *))).squareRoot()), 0)
    }
}
