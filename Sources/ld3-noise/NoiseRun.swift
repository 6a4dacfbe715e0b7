import Commands
import Diagnostics
import Formats
import TensorStream
import Tensors

/// One run of ld3-noise: where the numbers come from, and the loop that writes them.
struct NoiseRun {
    private let arguments: Arguments
    private let source: NoiseSource
    private let labels: LabelChoice
    private let seeds: SeedList
    /// Places in `seeds` that are this run's.
    private let places: Range<Int>
    private let writer: StreamWriter

    init(_ arguments: Arguments) throws {
        self.arguments = arguments
        source = try NoiseSource(arguments)
        labels = try LabelChoice(arguments)
        (seeds, places) = try arguments.seeds(else: source.rows.map { SeedList(count: $0) })
        if let rows = source.rows, rows != seeds.count {
            throw Failure(.usage, place: "--from", "has \(rows) rows for \(seeds.count) seeds")
        }
        writer = try StreamWriter.standardOutput(.noise, entry: arguments.provenance)
    }

    func run() throws {
        let batch = try arguments.batch() ?? Self.defaultBatch(source.shape)
        let part = StreamPart(count: places.count)
        let progress = Progress(arguments.reporter, "writing noise", unit: "samples", total: places.count)
        var start = places.lowerBound
        repeat {
            let range = start..<min(start + batch, places.upperBound)
            let drawn = seeds.slice(range).seeds
            try writer.write(
                SampleBatch(
                    seeds: drawn, labels: labels.labels(drawn), tensors: [try source.noise(drawn, places: range)],
                    part: part, startsPart: start == places.lowerBound))
            progress.advance(by: range.count)
            start = range.upperBound
        } while start < places.upperBound
        progress.finish()
    }

    /// Samples a frame: about a megabyte.
    private static func defaultBatch(_ shape: [Int]) -> Int { max(1, min(1024, (1 << 18) / shape.reduce(1, *))) }
}

/// Where noise comes from: a generator, or the rows of an array.
enum NoiseSource {
    case drawn(GaussianNoise, shape: [Int])
    case array(NamedTensor)

    init(_ arguments: Arguments) throws {
        if let path = arguments.stringIfGiven("from") {
            let array = try locating(path) { try NPY.parse(try Descriptor.contents(of: path), name: "noise") }
            guard array.shape.count > 1, array.type.isFloat else {
                throw Failure(.data, place: path, "is \(array.type.rawValue) \(array.shape), not rows of floats")
            }
            self = .array(array)
        } else {
            guard let shape = try arguments.shapeIfGiven("shape") else {
                throw Failure(.usage, place: "--shape", "is required", suggestion: "such as --shape 1,32,32")
            }
            self = .drawn(try arguments.choice("rng"), shape: shape)
        }
    }

    /// Samples that an array has; a generator has as many as are wanted.
    var rows: Int? {
        if case .array(let array) = self { array.shape[0] } else { nil }
    }

    /// The shape of a sample.
    var shape: [Int] {
        switch self {
        case .drawn(_, let shape): shape
        case .array(let array): Array(array.shape.dropFirst())
        }
    }

    /// [B, shape]: the noise of `seeds`, or the rows `places`.
    func noise(_ seeds: [Int64], places: Range<Int>) throws -> NamedTensor {
        switch self {
        case .array(let array):
            return NamedTensor(name: "noise", shape: [places.count] + shape, floats: try array.rows(places).floats())
        case .drawn(let generator, let shape):
            let size = shape.reduce(1, *)
            let values = [Float](unsafeUninitializedCapacity: seeds.count * size) { buffer, count in
                for (row, seed) in seeds.enumerated() {
                    generator.fill(
                        UnsafeMutableBufferPointer(rebasing: buffer[row * size..<(row + 1) * size]), seed: seed)
                }
                count = seeds.count * size
            }
            return NamedTensor(name: "noise", shape: [seeds.count] + shape, floats: values)
        }
    }
}

/// --labels: which class each seed gets.
enum LabelChoice {
    case none
    case uniform(classes: Int)
    case balanced(classes: Int)
    case constant(Int)

    init(_ arguments: Arguments) throws {
        let word = try arguments.string("labels")
        let classes = try arguments.integerIfGiven("classes", in: 1...1 << 31)
        func required() throws -> Int {
            guard let classes else { throw Failure(.usage, place: "--classes", "is required with --labels \(word)") }
            return classes
        }
        switch word {
        case "none": self = .none
        case "uniform": self = .uniform(classes: try required())
        case "balanced": self = .balanced(classes: try required())
        default:
            guard let label = Int(word), label >= 0, label < classes ?? .max else {
                throw Failure(
                    .usage, place: "--labels", "`\(word)` is neither none, uniform, balanced nor a class",
                    suggestion: suggestion(for: word, among: ["none", "uniform", "balanced"]))
            }
            self = .constant(label)
        }
    }

    func labels(_ seeds: [Int64]) -> [Int]? {
        switch self {
        case .none: nil
        case .uniform(let classes): seeds.map { GaussianNoise.label(seed: $0, classes: classes) }
        case .balanced(let classes): seeds.map { Int($0 % Int64(classes)) }
        case .constant(let label): seeds.map { _ in label }
        }
    }
}
