/// Copies the channels of several maps into one segment, for operations that read a single map.
package struct Concatenation: Operation {
    package let sources: Sources
    package let output: Value

    /// Returns the output's shape: all channels in one segment.
    package static func outputShape(_ sources: Sources) -> MapShape {
        MapShape(height: sources.shape.height, width: sources.shape.width, channels: sources.shape.channels)
    }

    package init(_ sources: Sources, output: Value) {
        precondition(output.shape == Self.outputShape(sources))
        self.sources = sources
        self.output = output
    }

    package var kind: LayerKind { .other }
    package var inputs: [Value] { sources.values }

    package func forward(_ run: GraphRun) {
        let target = run.activations(output)
        let (stride, channels) = (output.shape.stride, output.shape.channels)
        forEachSource { part, value, positions, first in
            let source = run.activations(value)
            run.parallelFor(run.batch * value.shape.height) { row, _ in
                for pixel in row * value.shape.width..<(row + 1) * value.shape.width {
                    let place = target + pixel * stride
                    for (channel, position) in positions.enumerated() {
                        place[first + channel] = source[pixel * value.shape.stride + position]
                    }
                    if part == 0 { for index in channels..<stride { place[index] = 0 } }
                }
            }
        }
    }

    package func pullback(_ run: GraphRun) {
        let cotangent = run.cotangent(output)
        forEachSource { index, value, positions, first in
            guard let (target, adds) = run.delivery(index, of: value) else { return }
            run.parallelFor(run.batch * value.shape.height) { row, _ in
                for pixel in row * value.shape.width..<(row + 1) * value.shape.width {
                    let place = target + pixel * value.shape.stride
                    if !adds { place.update(repeating: 0, count: value.shape.stride) }
                    for (channel, position) in positions.enumerated() {
                        place[position] += cotangent[pixel * output.shape.stride + first + channel]
                    }
                }
            }
        }
    }

    /// Calls `body` for each source with the places of its channels and the number of its first channel in the output.
    private func forEachSource(
        _ body: (_ index: Int, _ value: Value, _ positions: [Int], _ first: Int) -> Void
    ) {
        var first = 0
        for (index, value) in sources.values.enumerated() {
            body(index, value, value.shape.positions, first)
            first += value.shape.channels
        }
    }
}
