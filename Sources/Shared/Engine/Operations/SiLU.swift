/// y = x / (1 + exp(-x)), for maps that no group norm activates (the vectors of embeddings).
package struct SiLU: Operation {
    package let input: Value
    package let output: Value

    package init(_ input: Value, output: Value) {
        precondition(input.shape == output.shape)
        self.input = input
        self.output = output
    }

    package var kind: LayerKind { .other }
    package var inputs: [Value] { [input] }
    package var pullbackReadsInputs: Bool { true }

    package func forward(_ run: GraphRun) {
        let source = FloatPointer(run.activations(input)), target = run.activations(output)
        MapPasses.pieces(run, count: run.batch * input.shape.count) { first, end in
            for index in stride(from: first, to: end, by: lanes) {
                let x = load(source + index)
                store(x * logistic(x), target + index)
            }
        }
    }

    package func pullback(_ run: GraphRun) {
        guard let (target, adds) = run.delivery(0, of: input) else { return }
        let source = FloatPointer(run.activations(input)), cotangent = FloatPointer(run.cotangent(output))
        MapPasses.pieces(run, count: run.batch * input.shape.count) { first, end in
            for index in stride(from: first, to: end, by: lanes) {
                let x = load(source + index)
                let s = logistic(x), one = FloatVector(repeating: 1)
                let value = load(cotangent + index) * s * multiplyAdd(one, x, one - s)
                store(adds ? value + load(target + index) : value, target + index)
            }
        }
    }
}
