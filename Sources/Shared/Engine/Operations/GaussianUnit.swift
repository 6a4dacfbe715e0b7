/// The Gaussian error linear unit of each number x (Hendrycks and Gimpel 2016):
///
///     y = x P(normal number < x), or x / (1 + exp(-1.702 x)) in its logistic form
package struct GaussianUnit: Operation {
    package enum Form: Sendable { case exact, logistic }

    package let input: Value
    package let output: Value
    let form: Form

    package init(_ input: Value, output: Value, form: Form) {
        precondition(input.shape == output.shape)
        self.input = input
        self.output = output
        self.form = form
    }

    package var kind: LayerKind { .other }
    package var inputs: [Value] { [input] }
    package var pullbackReadsInputs: Bool { true }

    private static let steepness = FloatVector(repeating: 1.702)

    package func forward(_ run: GraphRun) {
        let source = FloatPointer(run.activations(input)), target = run.activations(output)
        MapPasses.pieces(run, count: run.batch * input.shape.count) { first, end in
            for index in stride(from: first, to: end, by: lanes) {
                let x = load(source + index)
                let weight = form == .exact ? normalProbability(x) : logistic(Self.steepness * x)
                store(x * weight, target + index)
            }
        }
    }

    package func pullback(_ run: GraphRun) {
        guard let (target, adds) = run.delivery(0, of: input) else { return }
        let source = FloatPointer(run.activations(input)), cotangent = FloatPointer(run.cotangent(output))
        MapPasses.pieces(run, count: run.batch * input.shape.count) { first, end in
            for index in stride(from: first, to: end, by: lanes) {
                let x = load(source + index)
                let value = load(cotangent + index) * slope(x)
                store(adds ? value + load(target + index) : value, target + index)
            }
        }
    }

    @inline(__always)
    private func slope(_ x: FloatVector) -> FloatVector {
        guard form == .logistic else { return gaussianUnitSlope(x) }
        let z = Self.steepness * x, one = FloatVector(repeating: 1)
        let s = logistic(z)
        return s * multiplyAdd(one, z, one - s)
    }
}
