import Diagnostics

/// The mean and the covariance of features, which a Fréchet distance compares, with their origin.
package struct FeatureStatistics: Sendable, Equatable {
    /// The number of features, D.
    package let dimension: Int
    /// [D]; empty if there are no samples.
    package let mean: [Double]
    /// [D, D]; empty if there are fewer than two samples, which have no covariance.
    package let covariance: [Double]
    /// The number of samples; nil if the file does not tell it, as those of the FID tools do not.
    package let count: Int?
    /// The sums from which both were computed; nil if they are not known. Only statistics with sums can be merged.
    package let moments: Moments?
    /// The name of the feature network; nil if it is not known.
    package let features: String?

    package init(_ moments: Moments, features: String?) {
        dimension = moments.dimension
        mean = moments.count > 0 ? moments.mean : []
        covariance = moments.count > 1 ? moments.covariance : []
        count = moments.count
        self.moments = moments
        self.features = features
    }

    /// Makes statistics of another tool. `covariance` must be [D, D] if `mean` is [D].
    init(mean: [Double], covariance: [Double], count: Int?, features: String?) {
        dimension = mean.count
        self.mean = mean
        self.covariance = covariance
        self.count = count
        self.features = features
        moments = nil
    }

    /// Throws `.data` for fewer than two samples.
    package func checkCovariance() throws {
        guard !covariance.isEmpty else {
            let count = count ?? 0
            throw Failure(
                .data, "\(counted(count, "sample")) \(count == 1 ? "has" : "have") no covariance",
                suggestion: "at least two are needed")
        }
    }

    /// Returns the statistics of all parts together; their order does not matter. Throws `.data`, naming the part, if
    /// one lacks its sums, if features differ, or if a seed is in two parts.
    ///
    /// - Parameter hasSeeds: whether the numbers of samples are seeds; if not, they are left out.
    package static func merge(
        _ parts: [(place: String, statistics: FeatureStatistics)], hasSeeds: Bool = true
    ) throws -> FeatureStatistics {
        guard let first = parts.first else { throw Failure(.data, "nothing to merge") }
        let moments = try parts.map { place, statistics in
            guard var moments = statistics.moments else {
                throw Failure(
                    .data, place: place, "has no count, sum and outer to merge",
                    suggestion: "only statistics that ld3-fid saved have them")
            }
            guard statistics.features == first.statistics.features else {
                throw Failure(
                    .data, place: place,
                    "holds \(name(statistics.features)), but \(first.place) holds \(name(first.statistics.features))")
            }
            if !hasSeeds { moments.removeSeeds() }
            return moments
        }
        try SeedRanges.requireDisjoint(zip(parts, moments).map { ($0.place, $1.seeds) })
        return FeatureStatistics(try Moments.merge(moments), features: first.statistics.features)
    }

    private static func name(_ features: String?) -> String { features ?? "features without a name" }

    /// Returns the Fréchet distance from `other`. Throws `.data` if dimension or features differ, or if there are fewer
    /// than two samples.
    package func distance(to other: FeatureStatistics) throws -> FrechetDistance {
        try checkCovariance()
        try other.checkCovariance()
        if let features, let others = other.features, features != others {
            throw Failure(.data, "statistics of \(features) cannot be compared with those of \(others)")
        }
        return try FrechetDistance(
            mean: mean, covariance: covariance, mean: other.mean, covariance: other.covariance)
    }
}
