import Tensors

/// Dynamic thresholding of the data prediction (Saharia et al. 2022): with s the 99.5 % quantile of the magnitudes
/// of a sample, but at least 1, each element is cut to [-s, s] and divided by s.
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

    /// Pulls a cotangent back. At a magnitude that equals the limit the derivative is one-sided. The limit depends on the two
    /// magnitudes between which the quantile lies.
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
    /// Returns the denoiser with its output thresholded, or as it is.
    package func thresholded(if isThresholded: Bool) -> any Denoiser<Element> {
        if isThresholded { return Thresholded(self) }
        return self
    }
}

/// The limit to which the elements of one sample are cut.
private struct Limit {
    private static let quantile = 0.995

    let value: Double
    /// The elements whose magnitudes make the value, with their shares; none if the limit is 1.
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
