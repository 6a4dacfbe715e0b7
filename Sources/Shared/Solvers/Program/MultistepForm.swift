import Tensors

/// A form that every solver has: each state in which the network is evaluated, and the result, is a linear combination of
/// x_T and of the network's earlier outputs (docs/methods/gauss-newton.md, "Parameters").
///
/// Correctors, histories of states and conversions between predictions are all absorbed, so that coefficients learned
/// in this form span every multistep and predictor-corrector method at once.
package struct MultistepForm<Coefficient: Real>: Sendable {
    /// The model times, one for each evaluation.
    package var evaluationTimes: [Coefficient]
    /// The weight of x_T in y_1 ... y_n, n being the number of evaluations.
    package var startWeights: [Coefficient]
    /// Row i - 1: the weights of D_0 ... D_{i-1} in y_i.
    package var outputWeights: [[Coefficient]]

    package var evaluations: Int { evaluationTimes.count }

    /// Whether every output is thresholded.
    private let isThresholded: Bool

    /// Expands every state of `program`, whose first evaluation must be at x_T itself.
    package init(_ program: StepProgram<Coefficient>) {
        isThresholded = program.isThresholded
        evaluationTimes = []
        startWeights = []
        outputWeights = []
        var registers = [Expression(start: Coefficient(1), outputs: [])]
        for instruction in program.instructions {
            switch instruction {
            case .evaluate(let state, let time, _):
                if !evaluationTimes.isEmpty { append(registers[state]) }
                evaluationTimes.append(time)
                registers.append(Expression(output: evaluationTimes.count - 1))
            case .combine(let terms):
                registers.append(Expression(terms.map { ($0.coefficient, registers[$0.register]) }))
            }
        }
        append(registers[program.result])
    }

    /// The form as a program again: as many steps as evaluations, the state of each being y_i.
    package var program: StepProgram<Coefficient> {
        var program = StepProgram<Coefficient>()
        program.isThresholded = isThresholded
        var outputs: [Int] = []
        for (index, time) in evaluationTimes.enumerated() {
            outputs.append(program.evaluate(program.result, at: time))
            var terms = [(coefficient: startWeights[index], register: program.start)]
            for (weight, output) in zip(outputWeights[index], outputs) {
                terms.append((coefficient: weight, register: output))
            }
            program.finishStep(program.combine(terms))
        }
        return program
    }

    private mutating func append(_ state: Expression) {
        startWeights.append(state.start)
        let missing = evaluationTimes.count - state.outputs.count
        outputWeights.append(state.outputs + [Coefficient](repeating: Coefficient(0), count: missing))
    }

    /// A register as a combination of x_T and of the outputs so far.
    private struct Expression {
        var start: Coefficient
        var outputs: [Coefficient]

        init(start: Coefficient, outputs: [Coefficient]) {
            self.start = start
            self.outputs = outputs
        }

        init(output index: Int) {
            start = Coefficient(0)
            outputs = [Coefficient](repeating: Coefficient(0), count: index) + [Coefficient(1)]
        }

        init(_ terms: [(Coefficient, Expression)]) {
            start = terms.reduce(Coefficient(0)) { $0 + $1.0 * $1.1.start }
            let count = terms.map(\.1.outputs.count).max() ?? 0
            outputs = (0..<count).map { index in
                terms.reduce(Coefficient(0)) { sum, term in
                    index < term.1.outputs.count ? sum + term.0 * term.1.outputs[index] : sum
                }
            }
        }
    }
}
