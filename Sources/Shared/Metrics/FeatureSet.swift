import Diagnostics
import FeatureNetworks
import Networks
import TensorStream
import Tensors

/// The features of one set of samples: statistics, and the vectors themselves where they are needed.
package struct FeatureSet: Sendable {
    package let statistics: FeatureStatistics
    /// [n, D] in the order in which they came; nil where they were not kept.
    package let vectors: Tensor<Float>?
    /// Root mean square, over all elements, of sample minus teacher (M7.6); nil where the samples carry no teacher.
    package let rmsd: Double?

    package init(statistics: FeatureStatistics, vectors: Tensor<Float>? = nil, rmsd: Double? = nil) {
        self.statistics = statistics
        self.vectors = vectors
        self.rmsd = rmsd
    }

    /// The Fréchet distance to another set: from the vectors where both sets have fewer than dimensions, since their
    /// covariances would hide the small eigenvalues, else from the covariances. Status 65 where they do not compare.
    package func distance(to other: FeatureSet) throws -> FrechetDistance {
        if let vectors, let others = other.vectors, statistics.features == other.statistics.features,
            max(vectors.batch, others.batch) <= statistics.dimension
        {
            return try FrechetDistance(features: vectors, features: others)
        }
        return try statistics.distance(to: other.statistics)
    }
}

/// Turns pictures into feature sets.
package struct FeatureCollector {
    /// Most numbers of a feature: a covariance of as many rows takes 512 MiB.
    package static let largestDimension = 1 << 13

    private let network: (any FeatureNetwork)?
    /// The features' name; nil where nobody tells it.
    private let name: String?
    private let dimension: Int
    /// Sets of more samples lose their vectors.
    private let vectorLimit: Int
    /// Samples of a set; nil for one set of all.
    private let setSize: Int?
    private var accumulator: MomentsAccumulator
    private var gathered = 0
    private var vectors: [Tensor<Float>] = []
    private var squaredErrors: [Double] = []
    private var finished: [FeatureSet] = []

    /// For pictures. `keepsVectors` keeps every set's vectors, else only those of sets no larger than the vectors'
    /// dimension. `setSize` cuts the samples into sets of that many, in the order in which they come.
    package init(_ network: any FeatureNetwork, keepsVectors: Bool = false, setSize: Int? = nil) {
        self.init(
            network: network, name: network.name, dimension: network.featureCount, keepsVectors: keepsVectors,
            setSize: setSize)
    }

    /// For features of `dimension` numbers that were computed before.
    package init(name: String?, dimension: Int, keepsVectors: Bool = false, setSize: Int? = nil) {
        self.init(network: nil, name: name, dimension: dimension, keepsVectors: keepsVectors, setSize: setSize)
    }

    private init(
        network: (any FeatureNetwork)?, name: String?, dimension: Int, keepsVectors: Bool, setSize: Int?
    ) {
        self.network = network
        self.name = name
        self.dimension = dimension
        vectorLimit = keepsVectors ? .max : dimension
        self.setSize = setSize
        accumulator = MomentsAccumulator(dimension: dimension)
    }

    /// Gray pictures are repeated where the network takes three channels. Status 65 where it takes one and the
    /// pictures have three.
    package mutating func add(_ pictures: PictureBatch) throws {
        guard let network else { preconditionFailure("pictures for a collector of features") }
        let levels = try Self.fit(pictures.levels, to: network)
        try add(features: network.features(levels), seeds: pictures.seeds, squaredErrors: pictures.squaredErrors)
    }

    /// Features that were computed before, [B, D].
    package mutating func add(features: Tensor<Float>, seeds: [Int64]?, squaredErrors errors: [Double]? = nil) throws {
        guard features.shape.count == 2, features.sampleCount == dimension else {
            throw Failure(.data, "features of shape \(features.sampleShape) where \(dimension) numbers are expected")
        }
        var first = 0
        while first < features.batch {
            let room = setSize.map { $0 - gathered } ?? features.batch
            let end = min(features.batch, first + room)
            let part = first == 0 && end == features.batch ? features : features.samples(first..<end)
            try accumulator.add(part, seeds: seeds.map { Array($0[first..<end]) })
            if let errors { squaredErrors += errors[first..<end] }
            gathered += end - first
            if gathered <= vectorLimit { vectors.append(part) } else { vectors = [] }
            first = end
            if gathered == setSize { try closeSet() }
        }
    }

    /// The sets. Status 65 where one has fewer than two samples.
    package mutating func finish() throws -> [FeatureSet] {
        if gathered > 0 || finished.isEmpty { try closeSet() }
        return finished
    }

    private mutating func closeSet() throws {
        let statistics = try FeatureStatistics(accumulator.finish(), features: name)
        let rmsd = (squaredErrors.reduce(0, +) / Double(gathered)).squareRoot()
        finished.append(
            FeatureSet(
                statistics: statistics, vectors: vectors.isEmpty ? nil : Tensor.concatenate(vectors),
                rmsd: squaredErrors.count == gathered ? rmsd : nil))
        accumulator = MomentsAccumulator(dimension: dimension)
        vectors = []
        squaredErrors = []
        gathered = 0
    }

    private static func fit(_ levels: Tensor<Float>, to network: any FeatureNetwork) throws -> Tensor<Float> {
        let channels = levels.shape[1]
        if channels == network.channels { return levels }
        guard channels == 1, network.channels == 3 else {
            throw Failure(
                .data, "pictures of \(channels) channels, but \(network.name) takes \(network.channels)")
        }
        return .joiningChannels([levels, levels, levels])
    }
}
