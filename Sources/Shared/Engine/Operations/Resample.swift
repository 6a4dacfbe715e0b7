/// Twofold resampling of every channel with a separable filter f of length k (docs/methods/networks.md, "Resampling"):
///
///     smaller: y[i] = sum_t g[t] x[2 i - padding + t]               g = f / sum f
///     larger:  y[i] = sum_t 2 g[t] x[(i + padding - t) / 2]         if the division has no remainder
///
/// along each axis. Each direction is the other's transpose up to the gain, so one function computes both and their
/// pullbacks.
package struct Resample: Operation {
    package enum Direction: Sendable { case larger, smaller }

    package let input: Value
    package let output: Value
    let direction: Direction
    /// The filter's weights along one axis, gain included.
    let filter: [Float]
    let padding: Int

    /// Returns the shape of the resampled map.
    ///
    /// - Parameter padding: (k - 1) / 2 by default.
    package static func outputShape(
        _ input: MapShape, _ direction: Direction, filter: [Double], padding: Int? = nil
    ) -> MapShape {
        let p = padding ?? (filter.count - 1) / 2
        func size(_ n: Int) -> Int {
            direction == .larger ? 2 * (n - 1) - 2 * p + filter.count : (n + 2 * p - filter.count) / 2 + 1
        }
        return MapShape(height: size(input.height), width: size(input.width), segments: input.segments)
    }

    package init(_ input: Value, output: Value, _ direction: Direction, filter: [Double], padding: Int? = nil) {
        precondition(output.shape == Self.outputShape(input.shape, direction, filter: filter, padding: padding))
        self.input = input
        self.output = output
        self.direction = direction
        self.padding = padding ?? (filter.count - 1) / 2
        let gain = (direction == .larger ? 2.0 : 1.0) / filter.reduce(0, +)
        self.filter = filter.map { Float(gain * $0) }
    }

    package var kind: LayerKind { .resampling }
    package var inputs: [Value] { [input] }

    package func forward(_ run: GraphRun) {
        apply(
            run, direction, FloatPointer(run.activations(input)), input.shape, run.activations(output), output.shape,
            adds: false)
    }

    package func pullback(_ run: GraphRun) {
        guard let (target, adds) = run.delivery(0, of: input) else { return }
        let other: Direction = direction == .larger ? .smaller : .larger
        apply(run, other, FloatPointer(run.cotangent(output)), output.shape, target, input.shape, adds: adds)
    }

    /// Returns the taps along one axis for output place `i`: their weights, and their input places inside 0..<size.
    private func taps(_ i: Int, _ direction: Direction, size: Int) -> [(weight: Float, place: Int)] {
        filter.enumerated().compactMap { t, weight in
            if direction == .smaller {
                let place = 2 * i - padding + t
                return place >= 0 && place < size ? (weight, place) : nil
            }
            let doubled = i + padding - t
            guard doubled >= 0, doubled % 2 == 0, doubled / 2 < size else { return nil }
            return (weight, doubled / 2)
        }
    }

    private func apply(
        _ run: GraphRun, _ direction: Direction, _ source: FloatPointer, _ from: MapShape,
        _ target: MutableFloatPointer, _ to: MapShape,
        adds: Bool
    ) {
        let stride = from.stride
        let columns = (0..<to.width).map { taps($0, direction, size: from.width) }
        run.parallelFor(run.batch * to.height) { row, _ in
            let (image, y) = (row / to.height, row % to.height)
            let rows = taps(y, direction, size: from.height)
            let start = source + image * from.count
            for x in 0..<to.width {
                let place = target + (row * to.width + x) * stride
                var k = 0
                while k < stride {
                    var sum = adds ? load(place + k) : FloatVector.zero
                    for (weight, i) in rows {
                        for (factor, j) in columns[x] {
                            sum = multiplyAdd(
                                sum, load(start + (i * from.width + j) * stride + k),
                                FloatVector(repeating: weight * factor)
                            )
                        }
                    }
                    store(sum, place + k)
                    k += lanes
                }
            }
        }
    }
}
