import Diagnostics
import Formats

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The prior of shapes of Luo and Hu 2021: affine couplings that turn normal numbers into the numbers z of a shape.
///
/// A coupling keeps one half of the numbers, and moves the other half by what a small network says of the kept one:
/// moved <- (moved - shift) / scale. The couplings run backwards when shapes are drawn. Everything is Float, and a shape
/// depends on its own numbers alone.
package struct FlowPrior: Sendable {
    /// F, the numbers of a shape.
    package let count: Int
    private let couplings: [Coupling]
    package var depth: Int { couplings.count }

    /// - Parameter prefix: the beginning of the tensors' names, for example "flow.".
    ///
    /// Throws `data` if a tensor is missing, or does not fit the others.
    package init(weights: any WeightSource, prefix: String) throws {
        let first = "\(prefix)chain.0.net_s_t.0.weight"
        guard let shape = weights.shape(of: first), shape.count == 2,
            shape.allSatisfy({ (1...1 << 14).contains($0) })
        else { throw Failure(.data, place: first, "is no matrix of a flow's first coupling") }
        let (half, hidden) = (shape[1], shape[0])
        var read: [Coupling] = []
        while read.count < 1 << 10, weights.shape(of: "\(prefix)chain.\(read.count).net_s_t.0.weight") != nil {
            let place = "\(prefix)chain.\(read.count).net_s_t."
            read.append(
                Coupling(layers: [
                    try DenseLayer("\(place)0", inputs: half, outputs: hidden, weights),
                    try DenseLayer("\(place)2", inputs: hidden, outputs: hidden, weights),
                    try DenseLayer("\(place)4", inputs: hidden, outputs: 2 * half, weights),
                ]))
        }
        count = 2 * half
        couplings = read
    }

    /// Returns z of one shape for its normal numbers, both of `count` elements.
    package func shape(from normals: [Float]) -> [Float] {
        precondition(normals.count == count)
        var halves = (low: Array(normals[..<(count / 2)]), high: Array(normals[(count / 2)...]))
        for (index, coupling) in couplings.enumerated().reversed() {
            // Even couplings move the low half, odd ones the high half.
            if index % 2 == 0 {
                coupling.move(&halves.low, knowing: halves.high)
            } else {
                coupling.move(&halves.high, knowing: halves.low)
            }
        }
        return halves.low + halves.high
    }
}

private struct Coupling: Sendable {
    let layers: [DenseLayer]

    func move(_ moved: inout [Float], knowing kept: [Float]) {
        var values = kept
        for (index, layer) in layers.enumerated() {
            values = layer.apply(values)
            if index < layers.count - 1 { for place in values.indices { values[place] = max(values[place], 0) } }
        }
        let half = moved.count
        for place in 0..<half {
            let scale = 1 / (1 + exp(-(values[place] + 2)))
            moved[place] = (moved[place] - values[half + place]) / scale
        }
    }
}

/// W x + b.
private struct DenseLayer: Sendable {
    /// W transposed, [inputs, outputs], so that a sum runs over whole rows.
    private let transposed: [Float]
    private let bias: [Float]

    init(_ name: String, inputs: Int, outputs: Int, _ weights: any WeightSource) throws {
        let weight = try PointCloudTensor.parameter("\(name).weight", [outputs, inputs], weights).load()
        bias = try PointCloudTensor.parameter("\(name).bias", [outputs], weights).load()
        transposed = (0..<inputs * outputs).map { weight[$0 % outputs * inputs + $0 / outputs] }
    }

    func apply(_ x: [Float]) -> [Float] {
        var sums = bias
        for (row, value) in x.enumerated() {
            let start = row * sums.count
            for column in sums.indices { sums[column] += value * transposed[start + column] }
        }
        return sums
    }
}
