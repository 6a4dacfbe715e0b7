import Diagnostics

/// The mean and the covariance of features, which a Fréchet distance compares, with their origin.
package struct FeatureStatistics: Sendable, Equatable {
    /// [D]
    package let mean: [Double]
    /// [D, D]
    package let covariance: [Double]
    /// The number of samples; nil if the file does not tell it, as those of the FID tools do not.
    package let count: Int?
    /// The sums from which both were computed; nil if they are not known. Only statistics with sums can be merged.
    package let moments: Moments?
    /// The name of the feature network; nil if it is not known.
    package let features: String?

    package var dimension: Int { mean.count }

    /// Throws `.data` for fewer than two samples, which have no covariance.
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

    /// Makes statistics of another tool. `covariance` must be [D, D] if `mean` is [D].
    init(mean: [Double], covariance: [Double], count: Int?, features: String?) {
        self.mean = mean
        self.covariance = covariance
        self.count = count
        self.features = features
        moments = nil
    }

    /// Returns the statistics of all parts together; their order does not matter. Throws `.data`, naming the part, if
    /// one lacks its sums, if features differ, or if a seed is in two parts.
    package static func merge(_ parts: [(place: String, statistics: FeatureStatistics)]) throws -> FeatureStatistics {
        guard let first = parts.first else { throw Failure(.data, "nothing to merge") }
        var seeds = SeedRanges()
        let moments = try parts.map { place, statistics in
            guard let moments = statistics.moments else {
                throw Failure(
                    .data, place: place, "has no count, sum and outer to merge",
                    suggestion: "only statistics that ld3-fid saved have them")
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

    /// Returns the Fréchet distance from `other`. Throws `.data` if dimension or features differ.
    package func distance(to other: FeatureStatistics) throws -> FrechetDistance {
        if let features, let others = other.features, features != others {
            throw Failure(.data, "statistics of \(features) cannot be compared with those of \(others)")
        }
        return try FrechetDistance(
            mean: mean, covariance: covariance, mean: other.mean, covariance: other.covariance)
    }
}
