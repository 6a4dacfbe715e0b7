import Diagnostics
import FeatureNetworks
import Images
import TensorStream
import Tensors

/// The features of one set of samples: their statistics and, if they were kept, the vectors themselves.
package struct FeatureSet: Sendable {
    package let statistics: FeatureStatistics
    /// The vectors [n, D] in the order in which they came; nil if they were not kept.
    package let vectors: Tensor<Float>?
    /// The root mean square, over all elements, of sample minus teacher's sample (paper, Fig. 6); nil if the samples
    /// carry no teacher's.
    package let rmsd: Double?
    /// Whether the features were computed of pictures.
    package let isOfPictures: Bool
    /// Empty unless the collector was asked for it.
    package let excerpt: SetExcerpt

    package init(
        statistics: FeatureStatistics, vectors: Tensor<Float>? = nil, rmsd: Double? = nil,
        isOfPictures: Bool = false, excerpt: SetExcerpt = SetExcerpt()
    ) {
        self.statistics = statistics
        self.vectors = vectors
        self.rmsd = rmsd
        self.isOfPictures = isOfPictures
        self.excerpt = excerpt
    }

    /// Returns the Fréchet distance from another set. If both sets have no more samples than features, it comes from
    /// the vectors, since the covariances would hide small eigenvalues; else from the covariances. Throws `.data` if
    /// the features differ, or if a set has fewer than two samples.
    package func distance(to other: FeatureSet) throws -> FrechetDistance {
        try statistics.checkCovariance()
        try other.statistics.checkCovariance()
        if let vectors, let others = other.vectors, statistics.features == other.statistics.features,
            max(vectors.batch, others.batch) <= statistics.dimension
        {
            return try FrechetDistance(features: vectors, features: others)
        }
        return try statistics.distance(to: other.statistics)
    }
}

/// The part of a set that people look at.
package struct SetExcerpt: Sendable {
    /// The most pictures that are kept.
    static let pictureLimit = 32
    /// The most sets that have an excerpt.
    package static let setLimit = 6

    /// The first pictures, as the feature network saw them before it resized them.
    package internal(set) var pictures: [Image] = []
    /// The statistics of the first 128, 256, ... samples, from the first such number that exceeds the number of features.
    package internal(set) var course: [FeatureStatistics] = []

    package init() {}

    mutating func add(_ levels: Tensor<Float>) {
        let room = min(levels.batch, Self.pictureLimit - pictures.count)
        if room > 0 { pictures += Image.images(ofLevels: levels.samples(0..<room)) }
    }
}
