/// output = the channels of all inputs, one after another, as one segment.
///
/// Most operations read several inputs as one map, so a concatenation is seldom needed; only a map that is added to
/// another (the shortcut of a residual block) must be one value.
package struct Concatenation: Operation {
    package let output: Value
    package let inputs: [Value]
    /// The runs of channels that each input gives.
    private let runs: [[ChannelRun]]

    /// Adjacent channels of a pixel: their place in the input, their place in the output, their number.
    private struct ChannelRun: Sendable {
        let source: Int
        let target: Int
        let count: Int
    }

    package static func outputShape(_ sources: Sources) -> MapShape {
        MapShape(height: sources.shape.height, width: sources.shape.width, channels: sources.shape.channels)
    }

    package init(_ sources: Sources, output: Value) {
        precondition(output.shape == Self.outputShape(sources))
        self.output = output
        inputs = sources.values
        var target = 0
        runs = sources.values.map { input in
            var source = 0
            return input.shape.segments.map { count in
                defer {
                    source += roundUp(count, to: lanes)
                    target += count
                }
                return ChannelRun(source: source, target: target, count: count)
            }
        }
    }

    package var kind: LayerKind { .other }

    package func forward(_ run: GraphRun) {
        let shape = output.shape
        let places = inputs.map { (pixels: run.activations($0), stride: $0.shape.stride) }
        run.parallelFor(run.batch * shape.height) { row, _ in
            for pixel in row * shape.width..<(row + 1) * shape.width {
                let target = run.activations(output) + pixel * shape.stride
                for (input, runs) in zip(places, runs) {
                    let source = input.pixels + pixel * input.stride
                    for run in runs { (target + run.target).update(from: source + run.source, count: run.count) }
                }
                for padding in shape.channels..<shape.stride { target[padding] = 0 }
            }
        }
    }

    package func pullback(_ run: GraphRun) {
        for (index, input) in inputs.enumerated() {
            guard let (target, adds) = run.delivery(index, of: input) else { continue }
            let (shape, runs) = (input.shape, runs[index])
            run.parallelFor(run.batch * shape.height) { row, _ in
                for pixel in row * shape.width..<(row + 1) * shape.width {
                    let place = target + pixel * shape.stride
                    let cotangent = run.cotangent(output) + pixel * output.shape.stride
                    if !adds { place.update(repeating: 0, count: shape.stride) }
                    for run in runs {
                        for channel in 0..<run.count {
                            place[run.source + channel] += cotangent[run.target + channel]
                        }
                    }
                }
            }
        }
    }
}
