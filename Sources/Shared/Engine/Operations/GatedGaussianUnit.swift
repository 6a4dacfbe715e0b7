/// GEGLU, the gated linear unit of transformers (Shazeer 2020): one half of the channels times the Gaussian error
/// linear unit of the other half,
///
///     y = a g P(normal number < g)
package struct GatedGaussianUnit: Operation {
    package let input: Value
    package let output: Value

    /// - Parameter input: segments [C, C], a and then g, where the output has C channels.
    package init(_ input: Value, output: Value) {
        precondition(input.shape.segments == [output.shape.channels, output.shape.channels])
        precondition(input.shape.pixels == output.shape.pixels && output.shape.segments.count == 1)
        self.input = input
        self.output = output
    }

    package var kind: LayerKind { .other }
    package var inputs: [Value] { [input] }
    package var pullbackReadsInputs: Bool { true }

    /// Floats of one pixel of a half.
    private var half: Int { output.shape.stride }

    package func forward(_ run: GraphRun) {
        let source = FloatPointer(run.activations(input)), target = run.activations(output)
        MapPasses.pixels(run, output.shape) { pixel in
            let values = source + pixel * 2 * half
            for k in stride(from: 0, to: half, by: lanes) {
                let gate = load(values + half + k)
                store(load(values + k) * (gate * normalProbability(gate)), target + pixel * half + k)
            }
        }
    }

    package func pullback(_ run: GraphRun) {
        guard let (target, adds) = run.delivery(0, of: input) else { return }
        let source = FloatPointer(run.activations(input)), cotangent = FloatPointer(run.cotangent(output))
        MapPasses.pixels(run, output.shape) { pixel in
            let values = source + pixel * 2 * half, place = target + pixel * 2 * half
            for k in stride(from: 0, to: half, by: lanes) {
                let gate = load(values + half + k), outer = load(cotangent + pixel * half + k)
                var value = outer * (gate * normalProbability(gate))
                var slope = outer * load(values + k) * gaussianUnitSlope(gate)
                if adds {
                    value += load(place + k)
                    slope += load(place + half + k)
                }
                store(value, place + k)
                store(slope, place + half + k)
            }
        }
    }
}
