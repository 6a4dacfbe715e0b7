/// output = scale (left + right), for sums that no convolution's epilogue absorbs.
package struct ScaledSum: Operation {
    package let left: Value
    package let right: Value
    package let output: Value
    let scale: Float

    package init(_ left: Value, _ right: Value, output: Value, scale: Float) {
        precondition(left.shape == output.shape && right.shape == output.shape)
        self.left = left
        self.right = right
        self.output = output
        self.scale = scale
    }

    package var kind: LayerKind { .other }
    package var inputs: [Value] { [left, right] }

    package func forward(_ run: GraphRun) {
        let a = FloatPointer(run.activations(left)), b = FloatPointer(run.activations(right)),
            target = run.activations(output)
        let factor = FloatVector(repeating: scale)
        MapPasses.pieces(run, count: run.batch * output.shape.count) { first, end in
            for index in stride(from: first, to: end, by: lanes) {
                store(factor * (load(a + index) + load(b + index)), target + index)
            }
        }
    }

    package func pullback(_ run: GraphRun) {
        for (index, input) in inputs.enumerated() {
            guard let (target, adds) = run.delivery(index, of: input) else { continue }
            MapPasses.scale(
                run, FloatPointer(run.cotangent(output)), by: scale, target: target, adds: adds,
                count: run.batch * output.shape.count)
        }
    }
}
