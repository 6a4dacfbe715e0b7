import Diagnostics

/// The scale in which clouds are compared.
package enum CloudScale: String, Sendable, CaseIterable {
    /// The middle of the bounding box is the origin, and half of the box's longest side is 1.
    case boundingBox = "bbox"
    /// The mean is the origin, and the standard deviation of all coordinates is 1: the scale of training.
    case unit
    /// As it is.
    case none
}

/// Points in space, [N, 3].
package struct PointCloud: Sendable, Equatable {
    /// x, y and z of one point after the other.
    package let coordinates: [Float]

    package var count: Int { coordinates.count / 3 }

    package init(coordinates: [Float]) {
        precondition(coordinates.count % 3 == 0)
        self.coordinates = coordinates
    }

    /// The largest coordinate that is compared: no squared distance overflows then.
    private static let limit: Float = 1e18

    /// Returns the cloud in `scale`. Throws `data` if it has no extent, or if a coordinate is then too large to be compared.
    package func scaled(_ scale: CloudScale) throws -> PointCloud {
        let cloud =
            switch scale {
            case .none: self
            case .boundingBox: try withoutOverflow().scaledToBox()
            case .unit: try withoutOverflow().scaledToUnit()
            }
        guard cloud.coordinates.allSatisfy({ $0.magnitude <= Self.limit }) else {
            throw Failure(
                .data, "has coordinates beyond \(Self.limit) in the scale \(scale.rawValue), too large to be compared")
        }
        return cloud
    }

    /// Returns the cloud, times a small power of two if sums of its coordinates could overflow. Its scale is the same.
    private func withoutOverflow() -> PointCloud {
        guard coordinates.contains(where: { $0.magnitude > 0x1p120 }) else { return self }
        return PointCloud(coordinates: coordinates.map { $0 * 0x1p-8 })
    }

    private func scaledToBox() throws -> PointCloud {
        let (low, high) = corners
        return try moved(by: (low + high) / 2, dividedBy: (high - low).max() / 2)
    }

    private func scaledToUnit() throws -> PointCloud {
        var sum = SIMD3<Double>.zero
        for index in 0..<count { sum += SIMD3<Double>(point(index)) }
        let mean = sum / Double(max(count, 1))
        // The deviation of all coordinates together is about their common mean, not about each axis' own.
        let common = mean.sum() / 3
        let squares = coordinates.reduce(0.0) { $0 + (Double($1) - common) * (Double($1) - common) }
        let deviation = (squares / Double(max(coordinates.count - 1, 1))).squareRoot()
        return try moved(by: SIMD3<Float>(mean), dividedBy: Float(deviation))
    }

    /// The lowest and the highest corner of the bounding box.
    private var corners: (low: SIMD3<Float>, high: SIMD3<Float>) {
        var low = SIMD3<Float>(repeating: .infinity), high = SIMD3<Float>(repeating: -.infinity)
        for index in 0..<count {
            low = pointwiseMin(low, point(index))
            high = pointwiseMax(high, point(index))
        }
        return (low, high)
    }

    private func moved(by shift: SIMD3<Float>, dividedBy scale: Float) throws -> PointCloud {
        let (low, high) = corners
        guard count > 0, low != high, scale > 0, scale.isFinite else {
            throw Failure(.data, "all points of the cloud are in one place, or too near to it to have a scale")
        }
        var result: [Float] = []
        result.reserveCapacity(coordinates.count)
        for index in 0..<count {
            let point = (point(index) - shift) / scale
            result += [point.x, point.y, point.z]
        }
        return PointCloud(coordinates: result)
    }

    package func point(_ index: Int) -> SIMD3<Float> {
        SIMD3(coordinates[3 * index], coordinates[3 * index + 1], coordinates[3 * index + 2])
    }
}
