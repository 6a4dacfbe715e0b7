/// The mean of each channel over all pixels: a vector of features.
package struct GlobalMean: Operation {
    package let input: Value
    package let output: Value

    package static func outputShape(_ input: MapShape) -> MapShape {
        MapShape(height: 1, width: 1, segments: input.segments)
    }

    package init(_ input: Value, output: Value) {
        precondition(output.shape == Self.outputShape(input.shape))
        self.input = input
        self.output = output
    }

    package var kind: LayerKind { .other }
    package var inputs: [Value] { [input] }

    package func forward(_ run: GraphRun) {
        MapPasses.sumPixels(
            run, FloatPointer(run.activations(input)), shape: input.shape, scale: 1 / Float(input.shape.pixels),
            target: run.activations(output), adds: false)
    }

    package func pullback(_ run: GraphRun) {
        guard let (target, adds) = run.delivery(0, of: input) else { return }
        let cotangent = run.cotangent(output)
        let (stride, pixels) = (input.shape.stride, input.shape.pixels)
        let share = FloatVector(repeating: 1 / Float(pixels))
        run.parallelFor(run.batch) { image, _ in
            for pixel in 0..<pixels {
                let place = target + (image * pixels + pixel) * stride
                for k in Swift.stride(from: 0, to: stride, by: lanes) {
                    let value = share * load(cotangent + image * stride + k)
                    store(adds ? value + load(place + k) : value, place + k)
                }
            }
        }
    }
}
