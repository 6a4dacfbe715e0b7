import Formats
import TensorStream

/// Returns the frames of a program's output.
func streamFrames(_ bytes: [UInt8]) throws -> [Frame] {
    var rest = bytes[...]
    var result: [Frame] = []
    while !rest.isEmpty {
        let length = 8 + (try SafetensorsHeader.length(prefix: rest))
        let header = try SafetensorsHeader(parsing: rest.prefix(length).dropFirst(8))
        result.append(try Frame(parsing: Array(rest.prefix(length + header.bufferLength))))
        rest = rest.dropFirst(length + header.bufferLength)
    }
    return result
}

/// Returns each seed's own bytes of the tensor `name`, over all frames of a stream.
func streamRows(_ bytes: [UInt8], of name: String) throws -> [Int64: [UInt8]] {
    var result: [Int64: [UInt8]] = [:]
    for frame in try streamFrames(bytes) {
        let (tensor, seeds) = (try frame.tensor(name), try frame.tensor("seed").int64s())
        for (row, seed) in seeds.enumerated() { result[seed] = tensor.rows(row..<row + 1).bytes }
    }
    return result
}

/// Returns a noise stream of one frame: samples of `shape` with seeds from 0 on, whose elements are `value(index)`.
func noiseStream(
    count: Int, shape: [Int], labels: [Int64]? = nil, extra: [NamedTensor] = [], declared: Int? = nil,
    value: (Int) -> Float = { Float($0 % 17) / 8 - 1 }
) -> [UInt8] {
    let size = shape.reduce(1, *)
    var tensors = [
        NamedTensor(name: "noise", shape: [count] + shape, floats: (0..<count * size).map(value)),
        NamedTensor(name: "seed", shape: [count], int64s: (0..<count).map { Int64($0) }),
    ]
    if let labels { tensors.append(NamedTensor(name: "label", shape: [count], int64s: labels)) }
    return Frame(
        metadata: ["ld3.format": "1", "ld3.kind": "noise", "ld3.count": "\(declared ?? count)"],
        tensors: tensors + extra
    ).image
}
