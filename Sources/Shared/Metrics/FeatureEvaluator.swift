import Diagnostics
import FeatureNetworks
import TensorStream
import Tensors

/// The features of one set of samples, and the name by which reports call the set.
package struct NamedSet: Sendable {
    package let name: String
    package let features: FeatureSet
    /// Whether samples of a stream became 8-bit levels on the way.
    package let isQuantized: Bool
    /// The programs that made the samples; nil if they are not told.
    package let pipeline: String?

    package init(name: String, features: FeatureSet, isQuantized: Bool = false, pipeline: String? = nil) {
        self.name = name
        self.features = features
        self.isQuantized = isQuantized
        self.pipeline = pipeline
    }
}

/// Turns whatever holds samples (a stream, a folder, a file) into the features of its sets.
package struct FeatureEvaluator {
    private let network: any FeatureNetwork
    private let keepsVectors: Bool
    private let keepsExcerpts: Bool
    private let settings: SampleInput.Settings

    /// - Parameters:
    ///   - keepsVectors: whether every set keeps its vectors, which KID, precision and recall need.
    ///   - keepsExcerpts: whether the first sets of each input keep what people look at.
    package init(
        _ network: any FeatureNetwork, keepsVectors: Bool, keepsExcerpts: Bool = false, settings: SampleInput.Settings
    ) {
        self.network = network
        self.keepsVectors = keepsVectors
        self.keepsExcerpts = keepsExcerpts
        self.settings = settings
    }

    /// Returns the sets of `size` samples that `path` holds, or one set of all samples if `size` is nil. A rest that fills
    /// no set is told and left out, unless it is all there is. Throws `.data` if the file holds statistics and is to be cut.
    ///
    /// - Parameter comparison: throws `.data` before features are computed if it cannot compare them.
    package func sets(_ path: String, size: Int? = nil, for comparison: ReferenceComparison? = nil) throws -> [NamedSet]
    {
        let name = path == "-" ? "standard input" : path
        let input = try SampleInput.open(path, channels: network.channels, settings)
        let sets: [FeatureSet]
        switch input {
        case .statistics(let statistics):
            guard size == nil else {
                throw Failure(.data, place: name, "holds sums over its samples, which no sets can be cut from")
            }
            sets = [FeatureSet(statistics: statistics)]
        case .pictures(let pictures):
            try comparison?.check(name, features: network.name, dimension: network.featureCount)
            sets = try collect(pictures, name: name, size: size)
        case .features(let reader): sets = try collect(reader, name: name, size: size, for: comparison)
        }
        return sets.enumerated().map { place, set in
            NamedSet(
                name: sets.count > 1 ? "\(name), set \(place + 1)" : name, features: set,
                isQuantized: input.isQuantized, pipeline: input.pipeline)
        }
    }

    private func collect(_ pictures: any PictureSource, name: String, size: Int?) throws -> [FeatureSet] {
        var collector = FeatureCollector(
            network, keepsVectors: keepsVectors, keepsExcerpt: keepsExcerpts, setSize: size)
        let progress = Progress(settings.reporter, "features", unit: "pictures", total: pictures.count)
        while let batch = try pictures.next() {
            try locating(name) { try collector.add(batch, hasSeeds: settings.hasSeeds) }
            progress.advance(by: batch.levels.batch)
        }
        progress.finish()
        if let warning = pictures.warning { settings.reporter.warn("\(name): \(warning)") }
        return finish(&collector, name: name, size: size)
    }

    private func finish(_ collector: inout FeatureCollector, name: String, size: Int?) -> [FeatureSet] {
        if let size, collector.gathered > 0 {
            let samples = counted(collector.gathered, "sample")
            settings.reporter.warn(SetRest(of: size, samples: samples, hasSets: collector.hasSets).warning(name))
        }
        return collector.finish()
    }

    /// Collects features that another program computed; the stream's key `features` names them.
    private func collect(
        _ reader: SampleReader, name: String, size: Int?, for comparison: ReferenceComparison?
    ) throws -> [FeatureSet] {
        var collector: FeatureCollector?
        while let batch = try reader.next() {
            let shape = try batch.sampleShape("feature")
            guard shape.count == 1, (1...FeatureCollector.largestDimension).contains(shape[0]) else {
                throw Failure(
                    .data, place: name,
                    "features of shape \(shape) are no vectors of at most \(FeatureCollector.largestDimension) numbers")
            }
            if collector == nil {
                let features = batch.part.metadata["features"]
                try comparison?.check(name, features: features, dimension: shape[0])
                collector = FeatureCollector(
                    name: features, dimension: shape[0], keepsVectors: keepsVectors, keepsExcerpt: keepsExcerpts,
                    setSize: size)
            }
            let values = try batch.floatTensor("feature")
            try locating(name) {
                try collector?.add(features: values, seeds: settings.hasSeeds ? batch.seeds : nil)
            }
        }
        guard var collector else { throw Failure(.data, place: name, "holds no features") }
        return finish(&collector, name: name, size: size)
    }
}

extension SampleBatch {
    /// Returns the tensor `name` with one row for each sample. Throws as `floats` does.
    func floatTensor(_ name: String) throws -> Tensor<Float> {
        Tensor(shape: [count] + (try sampleShape(name)), elements: try floats(name))
    }
}
