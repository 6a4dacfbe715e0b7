import Diffusion
import Tensors

/// Tells what happens to network activations between the forward run and its adjoint (paper, App. D.3). Results are
/// bit-identical.
package enum ActivationPolicy: Sendable {
    /// The activations are kept, and no evaluation is repeated.
    case keep
    /// Only states are kept, and the network is evaluated again on the way back (rematerialization).
    case recompute
}

/// A forward run with everything that its adjoint needs.
package struct Trace<Element: TensorElement> {
    package let program: StepProgram<Double>
    /// All registers, by number.
    package let registers: [Tensor<Element>]
    /// The linearizations that were kept, by the register of the evaluation's output.
    let linearizations: [Int: Linearization<Element>]

    package var result: Tensor<Element> { registers[program.result] }
}

/// The exact gradients of a scalar loss through a program.
package struct ProgramGradient<Element: TensorElement> {
    /// dL/dx_T, [B, sample shape].
    package let start: Tensor<Element>
    /// dL/d coefficient by instruction and term: one entry for the time of an evaluation, one for each term of a combination.
    package let coefficients: [[Double]]

    /// Returns dL/dv for `count` variables v, by the chain rule from the gradients of the coefficients and the derivatives that
    /// `program` carries. `program` must have the structure of the program that was run.
    package func chained(through program: StepProgram<Dual>, count: Int) -> [Double] {
        var gradient = [Double](repeating: 0, count: count)
        func accumulate(_ coefficient: Dual, _ cotangent: Double) {
            for (variable, partial) in coefficient.partials.enumerated() { gradient[variable] += cotangent * partial }
        }
        for (instruction, cotangents) in zip(program.instructions, coefficients) {
            switch instruction {
            case .evaluate(_, let time, _): accumulate(time, cotangents[0])
            case .combine(let terms):
                for (term, cotangent) in zip(terms, cotangents) { accumulate(term.coefficient, cotangent) }
            }
        }
        return gradient
    }
}

extension Executor {
    /// Runs the program forward and keeps what `pullback` needs. `known` has the meaning that it has in `run`.
    package func trace(
        _ program: StepProgram<Double>, from start: Tensor<Element>, policy: ActivationPolicy,
        known: [Int: Tensor<Element>] = [:]
    ) throws -> Trace<Element> {
        let denoiser = denoiser(for: program)
        try requireFinite(start, at: -1, of: program)
        var registers: [Tensor<Element>?] = [start]
        var linearizations: [Int: Linearization<Element>] = [:]
        for (index, instruction) in program.instructions.enumerated() {
            switch instruction {
            case _ where known[index + 1] != nil:
                registers.append(known[index + 1])
            case .combine(let terms):
                let state = combine(terms, registers)
                try requireFinite(state, at: index, of: program)
                registers.append(state)
            case .evaluate(let state, let time, let step):
                let times = [Double](repeating: time, count: start.batch)
                let input = read(registers, state)
                let value: Tensor<Element>
                switch policy {
                case .recompute:
                    value = try denoiser.denoise(input, at: times, given: condition)
                case .keep:
                    let linearization = try denoiser.linearize(input, at: times, given: condition)
                    linearizations[index + 1] = linearization
                    value = linearization.value
                }
                try requireFinite(value, step: step, time: time)
                registers.append(value)
            }
        }
        return Trace(program: program, registers: registers.compactMap { $0 }, linearizations: linearizations)
    }

    /// Runs the trace backwards from `cotangent` = dL/dx_N, [B, sample shape].
    ///
    /// - Parameter constants: registers that are treated as constants: no cotangent flows into what computed them.
    package func pullback(
        _ trace: Trace<Element>, cotangent: Tensor<Element>, constants: Set<Int> = []
    ) throws -> ProgramGradient<Element> {
        let program = trace.program
        let denoiser = denoiser(for: program)
        var cotangents = [Tensor<Element>?](repeating: nil, count: program.registerCount)
        var coefficients = program.instructions.map { instruction -> [Double] in
            if case .combine(let terms) = instruction { return [Double](repeating: 0, count: terms.count) }
            return [0]
        }
        func accumulate(_ value: Tensor<Element>, times factor: Double, into register: Int) {
            if cotangents[register] == nil { cotangents[register] = Tensor(shape: value.shape) }
            cotangents[register]?.add(value, times: factor)
        }
        accumulate(cotangent, times: 1, into: program.result)
        for (index, instruction) in program.instructions.enumerated().reversed() where !constants.contains(index + 1) {
            guard let incoming = cotangents[index + 1] else { continue }
            cotangents[index + 1] = nil
            switch instruction {
            case .combine(let terms):
                for (position, term) in terms.enumerated() {
                    coefficients[index][position] = incoming.dot(trace.registers[term.register])
                    accumulate(incoming, times: term.coefficient, into: term.register)
                }
            case .evaluate(let state, let time, let step):
                let times = [Double](repeating: time, count: incoming.batch)
                let linearization =
                    try trace.linearizations[index + 1]
                    ?? denoiser.linearize(trace.registers[state], at: times, given: condition)
                let pulled = try linearization.pullback(incoming)
                try requireFinite(pulled, of: incoming, step: step, time: time)
                coefficients[index][0] = pulled.times.reduce(0, +)
                accumulate(pulled.x, times: 1, into: state)
            }
        }
        let start = cotangents[0] ?? Tensor(shape: trace.registers[0].shape)
        return ProgramGradient(start: start, coefficients: coefficients)
    }
}
