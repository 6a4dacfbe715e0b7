import Commands
import Diagnostics
import Formats
import Models
import TensorStream
import Tensors

/// The model of --model, opened only where something is asked of it that no option says.
struct ModelNeeded {
    private let arguments: Arguments

    init(_ arguments: Arguments) { self.arguments = arguments }

    func open() throws -> Model {
        try ModelCatalogue.open(arguments.modelName ?? ModelSpecification.embeddedName, threads: try arguments.threads())
    }
}

/// Where noise comes from: a generator, or the rows of an array.
enum NoiseSource {
    case drawn(GaussianNoise, shape: [Int], ThreadPool)
    case array(NamedTensor)

    init(_ arguments: Arguments, _ model: ModelNeeded) throws {
        if let path = arguments.stringIfGiven("from") {
            let array = try locating(path) { try NPY.parse(try Descriptor.contents(of: path), name: "noise") }
            guard array.shape.count > 1, array.type.isFloat else {
                throw Failure(.data, place: path, "is \(array.type.rawValue) \(array.shape), not rows of floats")
            }
            self = .array(array)
        } else {
            let shape = try arguments.shapeIfGiven("shape") ?? model.open().sampleShape
            self = .drawn(try arguments.choice("rng"), shape: shape, ThreadPool(threads: try arguments.threads()))
        }
    }

    /// Samples that an array has; a generator has as many as are wanted.
    var rows: Int? {
        if case .array(let array) = self { array.shape[0] } else { nil }
    }

    /// The shape of a sample.
    var shape: [Int] {
        switch self {
        case .drawn(_, let shape, _): shape
        case .array(let array): Array(array.shape.dropFirst())
        }
    }

    /// [B, shape]: the noise of `seeds`, or the rows `places`, each moved within a ball of that radius.
    func noise(_ seeds: [Int64], places: Range<Int>, movedWithin radius: Double) throws -> NamedTensor {
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
