import Diagnostics
import Formats
import TensorStream
import Tensors

/// The origin of noise: a generator, or the rows of an array.
package enum NoiseSource: Sendable {
    case drawn(GaussianNoise, shape: [Int], ThreadPool)
    case array(NamedTensor)

    /// Reads the array of a .npy file. Throws `noInput`, or `data` if it has no rows of floats.
    package init(file path: String) throws {
        let bytes = try Descriptor.contents(of: path)
        let array = try locating(path) {
            try FileKind.refuse(bytes, wanted: "a .npy array", accepted: [.npy])
            return try NPY.parse(bytes, name: "noise")
        }
        guard array.shape.count > 1, array.type.isFloat else {
            throw Failure(.data, place: path, "is \(array.type.rawValue) \(array.shape), not rows of floats")
        }
        self = .array(array)
    }

    /// The number of samples of an array; nil for a generator, which has as many as are wanted.
    package var rows: Int? {
        if case .array(let array) = self { array.shape[0] } else { nil }
    }

    /// The shape of a sample.
    package var shape: [Int] {
        switch self {
        case .drawn(_, let shape, _): shape
        case .array(let array): Array(array.shape.dropFirst())
        }
    }

    /// The number of samples that make a frame of about a megabyte.
    package var defaultBatch: Int { max(1, min(1024, (1 << 18) / shape.reduce(1, *))) }

    /// The largest number of samples that one frame may hold.
    package var largestBatch: Int { max(1, sampleElementLimit / shape.reduce(1, *)) }

    /// Returns the tensor `noise` [B, shape]: the noise of `seeds`, or the rows `places`, each moved by its own seed within
    /// a ball of that radius.
    package func noise(_ seeds: [Int64], places: Range<Int>, movedWithin radius: Double) throws -> NamedTensor {
        var values = try values(seeds, places: places)
        if radius > 0 { GaussianNoise.move(&values, within: radius, seeds: seeds) }
        return NamedTensor(name: "noise", shape: [seeds.count] + shape, floats: values)
    }

    private func values(_ seeds: [Int64], places: Range<Int>) throws -> [Float] {
        switch self {
        case .array(let array): return try array.rows(places).floats()
        case .drawn(let generator, let shape, let pool):
            return generator.values(seeds: seeds, size: shape.reduce(1, *), pool: pool)
        }
    }
}
