import Diffusion
import Tensors

/// Runs step programs with a denoiser. There is no other executor; `Adjoint.swift` runs them backwards.
///
/// Coefficients are Double; a combination accumulates in Double and rounds once to the element type.
package struct Executor<Element: TensorElement> {
    package let denoiser: any Denoiser<Element>
    /// The condition of the batch, one row for each sample, or empty.
    package var condition: Condition
    /// The names of the samples in errors; if nil, errors tell positions.
    package var seeds: [Int64]?

    package init(denoiser: some Denoiser<Element>, given condition: Condition = .none, seeds: [Int64]? = nil) {
        self.denoiser = denoiser
        self.condition = condition
        self.seeds = seeds
    }

    /// Returns the result of the program from `start`, [B, sample shape].
    ///
    /// - Parameters:
    ///   - known: outputs that are known already, by register; their instructions are not run.
    ///   - observe: called with every register when it is written, for trajectories and caches.
    package func run(
        _ program: StepProgram<Double>, from start: Tensor<Element>, known: [Int: Tensor<Element>] = [:],
        observe: (_ register: Int, _ value: Tensor<Element>) -> Void = { _, _ in }
    ) throws -> Tensor<Element> {
        var registers = [Tensor<Element>?](repeating: nil, count: program.registerCount)
        let lastUses = program.lastUses
        let denoiser = denoiser(for: program)
        try requireFinite(start, at: -1, of: program)
        registers[0] = start
        observe(0, start)
        for (index, instruction) in program.instructions.enumerated() {
            let value: Tensor<Element>
            if let given = known[index + 1] {
                value = given
            } else {
                switch instruction {
                case .combine(let terms):
                    value = combine(terms, registers)
                    try requireFinite(value, at: index, of: program)
                case .evaluate(let state, let time, let step):
                    let times = [Double](repeating: time, count: start.batch)
                    value = try denoiser.denoise(read(registers, state), at: times, given: condition)
                    try requireFinite(value, step: step, time: time)
                }
            }
            registers[index + 1] = value
            observe(index + 1, value)
            for register in registers.indices where lastUses[register] == index { registers[register] = nil }
        }
        return read(registers, program.result)
    }

    /// Returns the denoiser, with thresholding if the program asks for it.
    func denoiser(for program: StepProgram<Double>) -> any Denoiser<Element> {
        denoiser.thresholded(if: program.isThresholded)
    }

    /// Returns the combination of registers for which one instruction asks.
    func combine(_ terms: [StepProgram<Double>.Term], _ registers: [Tensor<Element>?]) -> Tensor<Element> {
        weightedSum(terms.map { ($0.coefficient, read(registers, $0.register)) })
    }

    func read(_ registers: [Tensor<Element>?], _ index: Int) -> Tensor<Element> {
        guard let value = registers[index] else {
            preconditionFailure("register \(index) is read before it is written")
        }
        return value
    }

    /// Returns D(x; t) of states [B, sample shape], each at its own time. Throws `NetworkBreakdown`.
    package func denoise(_ states: Tensor<Element>, at times: [Double]) throws -> Tensor<Element> {
        let value = try denoiser.denoise(states, at: times, given: condition)
        if let bad = value.firstNonFinite() {
            let sample = bad / value.sampleCount
            throw breakdown(ofSample: sample, step: 0, time: times[sample], isGradient: false)
        }
        return value
    }

    /// Throws `SolverBreakdown` if the state that instruction `index` made, or the start for -1, is not finite.
    func requireFinite(_ state: Tensor<Element>, at index: Int, of program: StepProgram<Double>) throws {
        guard let bad = state.firstNonFinite() else { return }
        let sample = bad / state.sampleCount
        let step = program.states.dropFirst().prefix { $0 <= index }.count
        throw SolverBreakdown(seed: seeds?[sample], sample: sample, step: step)
    }

    /// Throws `NetworkBreakdown` if the output of the network is not finite.
    func requireFinite(_ value: Tensor<Element>, step: Int, time: Double) throws {
        guard let bad = value.firstNonFinite() else { return }
        throw breakdown(ofSample: bad / value.sampleCount, step: step, time: time, isGradient: false)
    }

    /// Throws `NetworkBreakdown` if `cotangent` is finite and the network's pullback of it is not.
    func requireFinite(
        _ pulled: Cotangents<Element>, of cotangent: Tensor<Element>, step: Int, time: Double
    ) throws {
        let sample = pulled.x.firstNonFinite().map { $0 / pulled.x.sampleCount }
        guard let bad = sample ?? pulled.times.firstIndex(where: { !$0.isFinite }), cotangent.firstNonFinite() == nil
        else { return }
        throw breakdown(ofSample: bad, step: step, time: time, isGradient: true)
    }

    private func breakdown(ofSample sample: Int, step: Int, time: Double, isGradient: Bool) -> NetworkBreakdown {
        NetworkBreakdown(seed: seeds?[sample], sample: sample, step: step, time: time, isGradient: isGradient)
    }
}
