import Diagnostics
import Diffusion
import Solvers
import Tensors

/// A solver whose times, model times and coefficients are all parameters (docs/methods/gauss-newton.md, "Parameters").
///
/// Parameters are those of `TimesFamily`, then for each row of the multistep form the offset of x_T's weight, in units
/// of `startScale`, and those of the outputs' weights. All-zero offsets are the base solver. Under the sum rule a row's
/// offsets add up to zero and x_T's weight stays: a constant output gives what the base solver makes of it.
package struct GeneralizedFamily: ProgramFamily {
    private let multistep: MultistepTimes
    /// Whether the newest output's offset is minus the sum of the older ones', whatever its own parameter.
    package let keepsSums: Bool

    /// Throws `usage` for a solver whose first evaluation is not at the start.
    package init(_ times: TimesFamily, keepsSums: Bool = false) throws {
        guard let multistep = try MultistepTimes(times) else {
            throw Failure(.usage, "the coefficients of solver \(times.solver.name) cannot be learned")
        }
        self.multistep = multistep
        self.keepsSums = keepsSums
    }

    package var times: TimesFamily { multistep.times }
    package var evaluations: Int { multistep.evaluations }
    package var coefficientCount: Int { (1...evaluations).reduce(0) { $0 + $1 + 1 } }
    package var parameterCount: Int { times.parameterCount + coefficientCount }
    package var coefficientOffsets: Range<Int> { times.parameterCount..<parameterCount }

    package func program<T: Real>(_ parameters: [T]) throws -> StepProgram<T> { try form(parameters).program }

    package func form<T: Real>(_ parameters: [T]) throws -> MultistepForm<T> {
        var form = try multistep.form(Array(parameters.prefix(times.parameterCount)))
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

    /// Returns the parameters of a start with the solver's own coefficients.
    package func parameters(_ start: Start) -> [Double] {
        times.parameters(start) + [Double](repeating: 0, count: coefficientCount)
    }

    /// Returns the start that these parameters' times and model times make.
    package func start(_ name: String, _ parameters: [Double]) -> Start {
        let lists = times.timeLists(Array(parameters.prefix(times.parameterCount)))
        return Start(name: name, times: lists.times, modelTimes: lists.modelTimes)
    }

    package func indices(of parts: LearnedParts) -> [Int] {
        times.indices(of: parts) + (parts.contains(.coefficients) ? offsetIndices : [])
    }

    /// The offsets that have an effect.
    private var offsetIndices: [Int] {
        var (indices, first) = ([Int](), times.parameterCount)
        for row in 0..<evaluations {
            indices += keepsSums ? Array(first + 1..<first + 1 + row) : Array(first..<first + 2 + row)
            first += row + 2
        }
        return indices
    }

    package func project(_ parameters: inout [Double]) {
        var own = Array(parameters.prefix(times.parameterCount))
        times.project(&own)
        parameters.replaceSubrange(own.indices, with: own)
    }

    package func boundMovers(at parameters: [Double]) -> [Int] { times.boundMovers(at: parameters) }

    /// The natural size of x_T's weight in row `row`: it falls from 1 to sigma(t_min) / sigma(T), evenly in logarithm.
    private func startScale(_ row: Int) -> Double {
        let process = times.parameterization.process
        let ratio = process.sigma(process.end) / process.sigma(process.start)
        return Double.pow(max(ratio, 1e-6), Double(row + 1) / Double(evaluations))
    }
}
