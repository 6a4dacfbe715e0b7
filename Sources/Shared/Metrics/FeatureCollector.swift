import Diagnostics
import FeatureNetworks
import Tensors

/// Turns pictures, or features that were computed before, into feature sets.
package struct FeatureCollector {
    /// The largest number of features of a sample: a covariance of as many rows takes 512 MiB.
    package static let largestDimension = 1 << 13

    private let network: (any FeatureNetwork)?
    /// The name of the features; nil if the input does not tell it.
    private let name: String?
    private let dimension: Int
    /// The number of samples up to which a set keeps its vectors.
    private let vectorLimit: Int
    /// The number of samples in a set; nil for one set of all samples.
    private let setSize: Int?
    private let keepsExcerpt: Bool
    private var accumulator: MomentsAccumulator
    /// The number of samples since the last whole set.
    package private(set) var gathered = 0
    private var vectors: [Tensor<Float>] = []
    private var squaredErrors: [Double] = []
    private var excerpt = SetExcerpt()
    /// The number of samples at which the excerpt's course goes on.
    private var nextOfCourse = 0
    private var finished: [FeatureSet] = []

    /// Makes a collector of pictures. With `keepsVectors` every set keeps its vectors; else a set keeps them if it has
    /// no more samples than features. `setSize` cuts the samples into sets of that many, in the order in which they
    /// come. With `keepsExcerpt` the first sets, as many as a page draws, have what people look at.
    package init(
        _ network: any FeatureNetwork, keepsVectors: Bool = false, keepsExcerpt: Bool = false, setSize: Int? = nil
    ) {
        self.init(
            network: network, name: network.name, dimension: network.featureCount, keepsVectors: keepsVectors,
            keepsExcerpt: keepsExcerpt, setSize: setSize)
    }

    /// Makes a collector of features of `dimension` numbers that were computed before.
    package init(
        name: String?, dimension: Int, keepsVectors: Bool = false, keepsExcerpt: Bool = false, setSize: Int? = nil
    ) {
        self.init(
            network: nil, name: name, dimension: dimension, keepsVectors: keepsVectors, keepsExcerpt: keepsExcerpt,
            setSize: setSize)
    }

    private init(
        network: (any FeatureNetwork)?, name: String?, dimension: Int, keepsVectors: Bool, keepsExcerpt: Bool,
        setSize: Int?
    ) {
        self.network = network
        self.name = name
        self.dimension = dimension
        vectorLimit = keepsVectors ? .max : dimension
        self.setSize = setSize
        self.keepsExcerpt = keepsExcerpt
        accumulator = MomentsAccumulator(dimension: dimension)
        beginCourse()
    }

    /// Whether the set that is being gathered has an excerpt.
    private var excerpts: Bool { keepsExcerpt && finished.count < SetExcerpt.setLimit }

    private mutating func beginCourse() {
        guard excerpts else { return nextOfCourse = .max }
        // The accumulator forms products of as many rows, so that its sums are the same if it is asked at a multiple.
        nextOfCourse = MomentsAccumulator.blockRows
        while nextOfCourse <= dimension { nextOfCourse *= 2 }
    }

    /// Adds pictures with as many channels as the network takes. If `hasSeeds` is false, their seeds are left out.
    package mutating func add(_ pictures: PictureBatch, hasSeeds: Bool = true) throws {
        guard let network else { preconditionFailure("pictures for a collector of features") }
        try add(
            features: network.features(pictures.levels), seeds: hasSeeds ? pictures.seeds : nil,
            squaredErrors: pictures.squaredErrors, levels: pictures.levels)
    }

    /// Adds features [B, D] that were computed before.
    package mutating func add(
        features: Tensor<Float>, seeds: [Int64]?, squaredErrors errors: [Double]? = nil, levels: Tensor<Float>? = nil
    ) throws {
        guard features.shape.count == 2, features.sampleCount == dimension else {
            throw Failure(.data, "features of shape \(features.sampleShape) where \(dimension) numbers are expected")
        }
        var first = 0
        while first < features.batch {
            let room = min(setSize.map { $0 - gathered } ?? features.batch, nextOfCourse - gathered)
            let end = min(features.batch, first + room)
            let part = first == 0 && end == features.batch ? features : features.samples(first..<end)
            try accumulator.add(part, seeds: seeds.map { Array($0[first..<end]) })
            if let errors { squaredErrors += errors[first..<end] }
            if excerpts, let levels { excerpt.add(levels.samples(first..<end)) }
            gathered += end - first
            if gathered == nextOfCourse { continueCourse() }
            if gathered <= vectorLimit { vectors.append(part) } else { vectors = [] }
            first = end
            if gathered == setSize { closeSet() }
        }
    }

    /// Whether there is a whole set.
    package var hasSets: Bool { !finished.isEmpty }

    /// Returns the whole sets, or one set of all samples if they fill none.
    package mutating func finish() -> [FeatureSet] {
        if finished.isEmpty { closeSet() }
        return finished
    }

    private mutating func continueCourse() {
        let moments = accumulator.finish()
        excerpt.course.append(
            FeatureStatistics(
                mean: moments.mean, covariance: moments.covariance, count: gathered, features: name))
        nextOfCourse *= 2
    }

    private mutating func closeSet() {
        let statistics = FeatureStatistics(accumulator.finish(), features: name)
        let rmsd = (squaredErrors.reduce(0, +) / Double(gathered)).squareRoot()
        finished.append(
            FeatureSet(
                statistics: statistics, vectors: vectors.isEmpty ? nil : Tensor.concatenate(vectors),
                rmsd: gathered > 0 && squaredErrors.count == gathered ? rmsd : nil,
                isOfPictures: network != nil, excerpt: excerpt))
        accumulator = MomentsAccumulator(dimension: dimension)
        vectors = []
        squaredErrors = []
        excerpt = SetExcerpt()
        gathered = 0
        beginCourse()
    }
}
