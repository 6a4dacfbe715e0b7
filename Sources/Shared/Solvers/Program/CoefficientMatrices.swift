import Diagnostics
import Diffusion
import Tensors

/// The coefficients of a recursion as a schedule carries them: row i - 1 makes y_i and x_i.
///
/// They fix the linear combinations. The times still say what the network is told.
package struct CoefficientMatrices: Sendable, Equatable {
    package var prediction: Prediction
    /// The weights of x_0 to x_{N-1} in y_i, [N][N].
    package var predictorState: [[Double]]
    /// The weights of m_0 to m_{N-1} in y_i, [N][N].
    package var predictorOutput: [[Double]]
    /// The weights of x_0 to x_{N-1} in x_i, [N][N]; nil if no step is corrected. A row of zeros belongs to a step that is
    /// not corrected.
    package var correctorState: [[Double]]?
    /// The weights of m_0 to m_N in x_i, [N][N + 1].
    package var correctorOutput: [[Double]]?

    package var steps: Int { predictorState.count }

    package init(
        prediction: Prediction, predictorState: [[Double]], predictorOutput: [[Double]],
        correctorState: [[Double]]? = nil, correctorOutput: [[Double]]? = nil
    ) {
        self.prediction = prediction
        self.predictorState = predictorState
        self.predictorOutput = predictorOutput
        self.correctorState = correctorState
        self.correctorOutput = correctorOutput
    }

    package init<T: Real>(_ recursion: LinearRecursion<T>) {
        let count = recursion.rows.count
        func dense(_ terms: [(index: Int, weight: T)], _ width: Int) -> [Double] {
            var row = [Double](repeating: 0, count: width)
            for (index, weight) in terms { row[index] = weight.value }
            return row
        }
        prediction = recursion.prediction
        predictorState = recursion.rows.map { dense($0.predictor.states, count) }
        predictorOutput = recursion.rows.map { dense($0.predictor.outputs, count) }
        guard recursion.rows.contains(where: { $0.corrector != nil }) else { return }
        correctorState = recursion.rows.map { dense($0.corrector?.states ?? [], count) }
        correctorOutput = recursion.rows.map { dense($0.corrector?.outputs ?? [], count + 1) }
    }

    /// Returns the recursion with these constant coefficients for the model times 0 to N. Weights of zero ask for nothing.
    package func recursion<T: Real>(modelTimes: [T]) -> LinearRecursion<T> {
        precondition(modelTimes.count == steps + 1)
        var recursion = LinearRecursion(prediction: prediction, modelTimes: modelTimes)
        for row in 0..<steps {
            let predictor: LinearRecursion<T>.Combination = combination(predictorState[row], predictorOutput[row])
            var corrector: LinearRecursion<T>.Combination?
            if let states = correctorState?[row], let outputs = correctorOutput?[row],
                (states + outputs).contains(where: { $0 != 0 })
            {
                corrector = combination(states, outputs)
            }
            recursion.rows.append(.init(predictor: predictor, corrector: corrector))
        }
        return recursion
    }

    private func combination<T: Real>(_ states: [Double], _ outputs: [Double]) -> LinearRecursion<T>.Combination {
        var result = LinearRecursion<T>.Combination()
        for (index, weight) in states.enumerated() where weight != 0 { result.add(state: index, T(weight)) }
        for (index, weight) in outputs.enumerated() where weight != 0 { result.add(output: index, T(weight)) }
        return result
    }

    /// Throws `.data` if a matrix has a wrong size, is not finite, or uses what is not computed yet.
    package func validate() throws {
        let count = steps
        func check(_ name: String, _ matrix: [[Double]], width: Int, reach: Int) throws {
            for (row, weights) in matrix.enumerated() {
                guard matrix.count == count, weights.count == width, weights.allSatisfy(\.isFinite) else {
                    throw Failure(.data, place: name, "must be a finite matrix of [\(count), \(width)]")
                }
                guard weights.dropFirst(row + 1 + reach).allSatisfy({ $0 == 0 }) else {
                    throw Failure(.data, place: name, "row \(row) uses what is not computed yet")
                }
            }
        }
        try check("predictor_state", predictorState, width: count, reach: 0)
        try check("predictor_output", predictorOutput, width: count, reach: 0)
        guard (correctorState == nil) == (correctorOutput == nil) else {
            throw Failure(.data, "a schedule needs corrector_state and corrector_output together")
        }
        if let correctorState, let correctorOutput {
            try check("corrector_state", correctorState, width: count, reach: 0)
            try check("corrector_output", correctorOutput, width: count + 1, reach: 1)
        }
        let predicted = zip(predictorState, predictorOutput).allSatisfy { ($0 + $1).contains { $0 != 0 } }
        guard predicted else { throw Failure(.data, place: "predictor_state", "a step has no term at all") }
    }
}
