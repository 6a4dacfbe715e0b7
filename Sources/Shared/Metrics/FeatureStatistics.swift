import Diagnostics

/// What a Fréchet distance compares: mean and covariance of features, with their origin where a file tells it.
package struct FeatureStatistics: Sendable, Equatable {
    /// [D]
    package let mean: [Double]
    /// [D, D]
    package let covariance: [Double]
    /// Samples; nil where the file does not say, as those of the FID tools.
    package let count: Int?
    /// The sums behind the two, where they are known: only such statistics can be merged.
    package let moments: Moments?
    /// The feature network, where it is known.
    package let features: String?

    package var dimension: Int { mean.count }

    /// Status 65 for fewer than two samples, which have no covariance.
    package init(_ moments: Moments, features: String?) throws {
        guard moments.count >= 2 else {
            throw Failure(.data, "\(moments.count) samples have no covariance", suggestion: "at least two are needed")
        }
        mean = moments.mean
        covariance = moments.covariance
        count = moments.count
        self.moments = moments
        self.features = features
    }

    /// Statistics of others; `covariance` has the square of the mean's length.
    init(mean: [Double], covariance: [Double], count: Int?, features: String?) {
        self.mean = mean
        self.covariance = covariance
        self.count = count
        self.features = features
        moments = nil
    }

    /// All parts together, whatever their order. Status 65 where one lacks its sums, the features differ, or a seed is
    /// in two parts.
    package static func merge(_ parts: [(place: String, statistics: FeatureStatistics)]) throws -> FeatureStatistics {
        guard let first = parts.first else { throw Failure(.data, "nothing to merge") }
        var seeds = SeedRanges()
        let moments = try parts.map { place, statistics in
            guard let moments = statistics.moments else {
                throw Failure(
                    .data, place: place, "has no count, sum and outer to merge",
                    suggestion: "make it with ld3-fid --statistics")
            }
            guard statistics.features == first.statistics.features else {
                throw Failure(
                    .data, place: place,
                    "holds \(name(statistics.features)), but \(first.place) holds \(name(first.statistics.features))")
            }
            seeds = try locating(place) { try seeds.union(moments.seeds) }
            return moments
        }
        return try FeatureStatistics(Moments.merge(moments), features: first.statistics.features)
    }

    private static func name(_ features: String?) -> String { features ?? "features without a name" }

    /// The Fréchet distance of these and others. Status 65 where dimension or features differ.
    package func distance(to other: FeatureStatistics) throws -> FrechetDistance {
        if let features, let others = other.features, features != others {
            throw Failure(.data, "statistics of \(features) cannot be compared with those of \(others)")
        }
        return try FrechetDistance(
            mean: mean, covariance: covariance, mean: other.mean, covariance: other.covariance)
    }
}
