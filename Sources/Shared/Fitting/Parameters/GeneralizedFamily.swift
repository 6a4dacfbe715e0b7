import Diagnostics
import Solvers
import Tensors

/// What a generalized fit may change.
package struct LearnedParts: OptionSet, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    package static let times = LearnedParts(rawValue: 1)
    package static let modelTimes = LearnedParts(rawValue: 2)
    package static let coefficients = LearnedParts(rawValue: 4)
}

/// A solver whose times, network times and coefficients are all parameters (M13.2).
///
/// Parameters are those of `TimesFamily`, then for each row of the multistep form the offset of x_T's weight, in units
/// of `startScale`, and those of the outputs' weights. All-zero offsets are the base solver. Under the sum rule a row's
/// offsets add up to zero and x_T's weight stays: a constant output gives what the base solver makes of it (M13.3).
package struct GeneralizedFamily: ProgramFamily {
    package let times: TimesFamily
    /// Network evaluations: the rows of the multistep form.
    package let evaluations: Int
    /// Whether the newest output's offset is minus the sum of the older ones', whatever its own parameter.
    package let keepsSums: Bool

    /// Fails for a solver whose first evaluation is not at the start.
    package init(_ times: TimesFamily, keepsSums: Bool = false) throws {
        self.times = times
        self.keepsSums = keepsSums
        let uniform = [Double](repeating: 1, count: times.parameterization.steps + 1)
        let program = try times.program(uniform + uniform.map { _ in 0 })
        guard program.evaluatesStart else {
            throw Failure(.usage, "the coefficients of solver \(times.solver.name) cannot be learned")
        }
        evaluations = program.evaluations
    }

    package var coefficientCount: Int { (1...evaluations).reduce(0) { $0 + $1 + 1 } }
    package var parameterCount: Int { times.parameterCount + coefficientCount }

    package func program<T: Real>(_ parameters: [T]) throws -> StepProgram<T> { try form(parameters).program }

    package func form<T: Real>(_ parameters: [T]) throws -> MultistepForm<T> {
        var form = MultistepForm(try times.program(Array(parameters.prefix(times.parameterCount))))
        var offsets = parameters.dropFirst(times.parameterCount)
        for row in 0..<evaluations {
            let start = offsets.removeFirst()
            var outputs = (0...row).map { _ in offsets.removeFirst() }
            if keepsSums {
                outputs[row] = outputs.dropLast().reduce(T(0)) { $0 - $1 }
            } else {
                form.startWeights[row] += startScale(row) * start
            }
            for column in 0...row { form.outputWeights[row][column] += outputs[column] }
        }
        return form
    }

    /// Indices of the parameters that `parts` sets free. xi_0 and the masked ends of the model offsets never are.
    package func indices(of parts: LearnedParts) -> [Int] {
        let steps = times.parameterization.steps
        var indices: [Int] = []
        // A common shift of xi changes nothing: the last entry stays.
        if parts.contains(.times) { indices += Array(1..<max(steps, 1)) }
        if parts.contains(.modelTimes), !times.isTied { indices += Array(steps + 2..<2 * steps + 1) }
        if parts.contains(.coefficients) { indices += offsetIndices }
        return indices
    }

    /// The coefficients' parameters that have an effect.
    private var offsetIndices: [Int] {
        var (indices, first) = ([Int](), times.parameterCount)
        for row in 0..<evaluations {
            indices += keepsSums ? Array(first + 1..<first + 1 + row) : Array(first..<first + 2 + row)
            first += row + 2
        }
        return indices
    }

    /// Cuts the model offsets to their window, outside which they have no gradient and would be stuck.
    func cutToWindow(_ parameters: inout [Double]) {
        let count = times.parameterization.steps + 1
        let window = times.parameterization.window(Array(parameters.prefix(count)))
        for index in count..<2 * count { parameters[index] = min(max(parameters[index], -window), window) }
    }

    /// Whether a model offset lies on the bound of its window.
    func touchesWindow(_ parameters: [Double]) -> Bool {
        let steps = times.parameterization.steps
        let window = times.parameterization.window(Array(parameters.prefix(steps + 1)))
        return window > 0 && parameters[steps + 2..<2 * steps + 1].contains { abs($0) >= window }
    }

    /// The natural size of x_T's weight in row `row`: it falls from 1 to sigma(t_min) / sigma(T), evenly in logarithm.
    private func startScale(_ row: Int) -> Double {
        let process = times.parameterization.process
        let ratio = process.sigma(process.end) / process.sigma(process.start)
        return Double.pow(max(ratio, 1e-6), Double(row + 1) / Double(evaluations))
    }
}
