import Diagnostics
import FeatureNetworks
import Metrics
import Models
import Networks
import TensorStream
import Tensors

/// The features of one set, with the name that the report gives it.
struct NamedSet {
    let name: String
    let features: FeatureSet
}

/// Turns what a set is given as into its features; the network is opened when it is needed.
final class FeatureEvaluator {
    let settings: SampleInput.Settings
    private let networkName: String
    private let input: InceptionInput
    private let threads: Int
    private let keepsVectors: Bool
    private var opened: (any FeatureNetwork)?
    /// Whether a stream's samples were made into bytes on the way.
    private(set) var hasQuantized = false

    init(network: String, input: InceptionInput, threads: Int, keepsVectors: Bool, settings: SampleInput.Settings) {
        networkName = network
        self.input = input
        self.threads = threads
        self.keepsVectors = keepsVectors
        self.settings = settings
    }

    /// The sets of `size` samples, or the one set, that `path` holds.
    func sets(_ path: String, size: Int?) throws -> [NamedSet] {
        let name = path == "-" ? "standard input" : path
        let features: [FeatureSet]
        switch try SampleInput.open(path, settings) {
        case .statistics(let statistics): features = [FeatureSet(statistics: statistics)]
        case .pictures(let pictures):
            if pictures is StreamPictures { hasQuantized = true }
            features = try collect(pictures, name: name, size: size)
        case .features(let reader): features = try collect(reader, name: name, size: size)
        }
        return features.enumerated().map { place, set in
            NamedSet(name: features.count > 1 ? "\(name), set \(place + 1)" : name, features: set)
        }
    }

    private func collect(_ pictures: any PictureSource, name: String, size: Int?) throws -> [FeatureSet] {
        var collector = FeatureCollector(try network(), keepsVectors: keepsVectors, setSize: size)
        let progress = Progress(settings.reporter, "features", unit: "pictures", total: pictures.count)
        while let batch = try pictures.next() {
            try locating(name) { try collector.add(batch) }
            progress.advance(by: batch.levels.batch)
        }
        progress.finish()
        return try locating(name) { try collector.finish() }
    }

    /// Features that were computed before, by whatever the stream says under `features`.
    private func collect(_ reader: SampleReader, name: String, size: Int?) throws -> [FeatureSet] {
        var collector: FeatureCollector?
        while let batch = try reader.next() {
            let shape = try batch.sampleShape("feature")
            guard shape.count == 1, (1...FeatureCollector.largestDimension).contains(shape[0]) else {
                throw Failure(
                    .data, place: name,
                    "features of shape \(shape) are no vectors of at most \(FeatureCollector.largestDimension) numbers")
            }
            if collector == nil {
                collector = FeatureCollector(
                    name: batch.part.metadata["features"], dimension: shape[0], keepsVectors: keepsVectors,
                    setSize: size)
            }
            let values = Tensor<Float>(shape: [batch.count] + shape, elements: try batch.floats("feature"))
            try locating(name) { try collector?.add(features: values, seeds: batch.seeds) }
        }
        guard var collector else { throw Failure(.data, place: name, "holds no features") }
        return try locating(name) { try collector.finish() }
    }

    private func network() throws -> any FeatureNetwork {
        if let opened { return opened }
        let network = try FeatureCatalogue.features(networkName, input: input, threads: threads)
        opened = network
        return network
    }
}
