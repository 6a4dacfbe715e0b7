import Tensors

/// A solver run written as data: a list of network evaluations and linear combinations over registers.
///
/// Register 0 is x_T. Instruction i writes register i + 1, once (static single assignment). Every solver is such a program,
/// with coefficients that are smooth functions of the times. Conversions between predictions are combinations too. One
/// executor runs every program, and one adjoint runs it backwards. With `Coefficient` = Double a program carries values,
/// with `Dual` their exact derivatives too.
package struct StepProgram<Coefficient: Real>: Sendable {
    package typealias Register = Int

    package struct Term: Sendable {
        package var coefficient: Coefficient
        package var register: Register
    }

    package enum Instruction: Sendable {
        /// Evaluates the data prediction D(state; time). `step` counts solver steps from 0 and names the place in errors.
        case evaluate(state: Register, time: Coefficient, step: Int)
        /// Sums coefficient times register.
        case combine([Term])
    }

    package private(set) var instructions: [Instruction] = []
    /// The registers of x_0 (the start) to x_N (the result).
    package private(set) var states: [Register] = [0]

    /// Whether the output of every evaluation is thresholded.
    package var isThresholded = false

    package init() {}

    /// The register of x_T.
    package var start: Register { 0 }
    /// The register of the newest state, which is the result once the program is complete.
    package var result: Register { states[states.count - 1] }
    package var registerCount: Int { instructions.count + 1 }
    package var steps: Int { states.count - 1 }

    /// The network evaluations of one run.
    package var evaluations: Int {
        instructions.reduce(0) { count, instruction in
            if case .evaluate = instruction { return count + 1 }
            return count
        }
    }

    package mutating func evaluate(_ state: Register, at time: Coefficient) -> Register {
        precondition(state < registerCount)
        instructions.append(.evaluate(state: state, time: time, step: steps))
        return instructions.count
    }

    package mutating func combine(_ terms: [(coefficient: Coefficient, register: Register)]) -> Register {
        precondition(terms.allSatisfy { $0.register < registerCount })
        instructions.append(.combine(terms.map { Term(coefficient: $0.coefficient, register: $0.register) }))
        return instructions.count
    }

    /// Declares that `register` is the next state and that one step is complete.
    package mutating func finishStep(_ register: Register) {
        precondition(register < registerCount)
        states.append(register)
    }

    /// Returns the program with every coefficient mapped. `instruction` and `term` tell which one it is; `term` is 0 for a time.
    package func mapCoefficients<Other: Real>(
        _ transform: (_ coefficient: Coefficient, _ instruction: Int, _ term: Int) -> Other
    ) -> StepProgram<Other> {
        var mapped = StepProgram<Other>()
        mapped.instructions = instructions.enumerated().map { index, instruction in
            switch instruction {
            case .evaluate(let state, let time, let step):
                .evaluate(state: state, time: transform(time, index, 0), step: step)
            case .combine(let terms):
                .combine(
                    terms.enumerated().map { position, term in
                        .init(coefficient: transform(term.coefficient, index, position), register: term.register)
                    })
            }
        }
        mapped.states = states
        mapped.isThresholded = isThresholded
        return mapped
    }

    /// The program with the values of its coefficients alone.
    package var values: StepProgram<Double> { mapCoefficients { coefficient, _, _ in coefficient.value } }

    /// The last instruction that reads each register. It is nil for the result and for registers that nothing reads.
    var lastUses: [Int?] {
        var uses = [Int?](repeating: nil, count: registerCount)
        for (index, instruction) in instructions.enumerated() {
            switch instruction {
            case .evaluate(let state, _, _): uses[state] = index
            case .combine(let terms): for term in terms { uses[term.register] = index }
            }
        }
        uses[result] = nil
        return uses
    }
}
