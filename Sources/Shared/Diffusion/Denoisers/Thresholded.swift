import Tensors

/// Dynamic thresholding of the data prediction (M4.4; Saharia et al. 2022): with s the 99.5 % quantile of a sample's
/// magnitudes, but at least 1, each element is cut to [-s, s] and divided by s.
package struct Thresholded<Element: TensorElement>: Denoiser {
    private let base: any Denoiser<Element>

    package var sampleShape: [Int] { base.sampleShape }
    package var hasPullback: Bool { base.hasPullback }
    package var labelCount: Int { base.labelCount }

    package init(_ base: any Denoiser<Element>) { self.base = base }

    package func denoise(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Tensor<Element>
    {
        thresholded(try base.denoise(x, at: times, given: condition))
    }

    package func linearize(
        _ x: Tensor<Element>, at times: [Double], given condition: Condition
    ) throws -> Linearization<Element> {
        let inner = try base.linearize(x, at: times, given: condition)
        return Linearization(value: thresholded(inner.value)) { try inner.pullback(pulled($0, through: inner.value)) }
    }

    private func thresholded(_ data: Tensor<Element>) -> Tensor<Element> {
        data.mapSamples { _, row in
            let limit = Limit(row)
            return row.map { min(max($0, -limit.value), limit.value) / limit.value }
        }
    }

    /// The derivative is one-sided where a magnitude equals the limit; the limit's own follows the two magnitudes between
    /// which the quantile lies.
    private func pulled(_ cotangent: Tensor<Element>, through data: Tensor<Element>) -> Tensor<Element> {
        cotangent.mapSamples { sample, incoming in
            let row = data.doubles(sample: sample)
            let limit = Limit(row)
            var result = zip(incoming, row).map { abs($1) <= limit.value ? $0 / limit.value : 0 }
            let change = zip(result, row).reduce(0) { $0 - $1.0 * $1.1 } / limit.value
            for (index, weight) in limit.sources { result[index] += weight * change * (row[index] < 0 ? -1 : 1) }
            return result
        }
    }
}

extension Denoiser {
    /// The denoiser with its output thresholded, or as it is.
    package func thresholded(if isThresholded: Bool) -> any Denoiser<Element> {
        if isThresholded { return Thresholded(self) }
        return self
    }
}

/// What the elements of one sample are cut to.
private struct Limit {
    private static let quantile = 0.995

    let value: Double
    /// The elements whose magnitudes make the value, with their shares; none where the floor of 1 holds.
    let sources: [(index: Int, weight: Double)]

    init(_ row: [Double]) {
        let order = row.indices.sorted { abs(row[$0]) < abs(row[$1]) }
        let place = Self.quantile * Double(order.count - 1)
        let (below, above) = (order[Int(place)], order[min(Int(place) + 1, order.count - 1)])
        let share = place - place.rounded(.down)
        let quantile = (1 - share) * abs(row[below]) + share * abs(row[above])
        value = max(quantile, 1)
        sources = quantile > 1 ? [(below, 1 - share), (above, share)] : []
    }
}
