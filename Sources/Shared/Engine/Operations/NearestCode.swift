/// Vector quantization (van den Oord et al. 2017): each pixel is replaced by the nearest row of a table, the first of
/// several equally near ones.
///
/// The pullback is the identity ("straight-through"), and so not the transpose of a derivative.
package struct NearestCode: Operation {
    package let input: Value
    package let output: Value
    let codes: Parameter
    /// The table transposed, [channels, count]; the count is padded with infinities to whole vectors.
    private let columns = MadeOnce<FloatBuffer>()

    /// - Parameter codes: [number of codes, channels].
    package init(_ input: Value, output: Value, codes: Parameter) {
        precondition(input.shape == output.shape && input.shape.segments.count == 1)
        precondition(codes.shape.count == 2 && codes.shape[1] == input.shape.channels && codes.shape[0] > 0)
        self.input = input
        self.output = output
        self.codes = codes
    }

    package var kind: LayerKind { .other }
    package var inputs: [Value] { [input] }
    package var multiplications: Int { input.shape.pixels * codes.count }

    private var count: Int { roundUp(codes.shape[0], to: lanes) }
    private var channels: Int { input.shape.channels }

    package func prepare(pullback: Bool) throws {
        try columns.prepare {
            let buffer = FloatBuffer(count: channels * count)
            buffer.start.update(repeating: .infinity, count: channels * count)
            for (index, element) in try codes.load().enumerated() {
                buffer.start[index % channels * count + index / channels] = element
            }
            return buffer
        }
    }

    package func forward(_ run: GraphRun) {
        guard let columns = columns.value else { preconditionFailure("\(codes.name) was not prepared") }
        let source = FloatPointer(run.activations(input)), target = run.activations(output)
        let stride = input.shape.stride, table = FloatPointer(columns.start)
        MapPasses.pixels(run, input.shape) { pixel in
            let place = target + pixel * stride
            place.update(repeating: 0, count: stride)
            // A pixel that is not finite has no nearest code, and must not look like one.
            let nearest = nearest(to: source + pixel * stride, table)
            for channel in 0..<channels {
                place[channel] = nearest.map { table[channel * count + $0] } ?? .nan
            }
        }
    }

    /// Returns the place of the code nearest to `pixel`; nil if no distance is finite.
    private func nearest(to pixel: FloatPointer, _ table: FloatPointer) -> Int? {
        var least = FloatVector(repeating: .infinity)
        var places = SIMD16<Int32>(repeating: -1)
        var first = 0
        while first < count {
            var distances = FloatVector.zero
            for channel in 0..<channels {
                let difference = FloatVector(repeating: pixel[channel]) - load(table + channel * count + first)
                distances = multiplyAdd(distances, difference, difference)
            }
            let isNearer = distances .< least
            least = least.replacing(with: distances, where: isNearer)
            places = places.replacing(with: SIMD16<Int32>(repeating: Int32(first)), where: isNearer)
            first += lanes
        }
        let smallest = least.min()
        let candidates = (0..<lanes).filter { least[$0] == smallest && places[$0] >= 0 }
        return candidates.map { Int(places[$0]) + $0 }.min()
    }

    package func pullback(_ run: GraphRun) {
        guard let (target, adds) = run.delivery(0, of: input) else { return }
        MapPasses.scale(
            run, FloatPointer(run.cotangent(output)), by: 1, target: target, adds: adds,
            count: run.batch * input.shape.count)
    }
}
