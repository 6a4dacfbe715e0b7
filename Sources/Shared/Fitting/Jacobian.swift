import Diffusion
import Solvers
import Tensors

/// The derivative of the results of some pairs with respect to some parameters.
package struct Jacobian<Element: TensorElement> {
    /// One a parameter, each [B, sample shape].
    package let columns: [Tensor<Element>]

    /// The matrix of inner products of the columns, row-major.
    var gram: [Double] {
        let count = columns.count
        var products = [Double](repeating: 0, count: count * count)
        for row in 0..<count {
            for column in row..<count {
                let product = columns[row].dot(columns[column])
                products[row * count + column] = product
                products[column * count + row] = product
            }
        }
        return products
    }
}

extension Student {
    /// The Jacobian at the pairs `indices` with respect to the parameters `free`.
    ///
    /// Each coefficient of the program is moved a little and only what follows it is run again, so that a column costs
    /// the evaluations after its coefficient, and those of the last combination cost none. Forward differences are
    /// accurate enough for the curvature of Gauss-Newton; gradients come from the exact adjoint.
    package func jacobian(
        _ parameters: [Double], _ set: FittingSet<Element>, at indices: [Int], free: [Int]
    ) throws -> Jacobian<Element> {
        let differentiated = try family.differentiated(parameters)
        let program = differentiated.values
        let start = set.latents.gather(indices).scaled(by: startScale)
        let known = set.firstOutputs.map { [1: $0.gather(indices)] } ?? [:]
        let executor = executor(set, indices)
        var registers: [Int: Tensor<Element>] = [:]
        let result = try executor.run(program, from: start, known: known) { registers[$0] = $1 }

        var columns = free.map { _ in Tensor<Double>(shape: result.shape) }
        for (instruction, term, coefficient) in differentiated.coefficients {
            let partials = free.map(coefficient.partial)
            guard partials.contains(where: { $0 != 0 }) else { continue }
            let step = registers.step(of: coefficient.value, program.instructions[instruction], term: term)
            let moved = program.moving(instruction: instruction, term: term, by: step)
            let unchanged = registers.filter { $0.key >= 1 && $0.key <= instruction }
            var difference = try executor.run(moved, from: start, known: unchanged).converted(to: Double.self)
            difference.add(result, times: -1)
            for (column, partial) in partials.enumerated() where partial != 0 {
                columns[column].add(difference, times: partial / step)
            }
        }
        return Jacobian(columns: columns.map { $0.converted() })
    }
}

extension Dictionary where Key == Int {
    /// How far to move a coefficient: a time by 0.5 %, a weight so that its combination moves by 0.2 %.
    fileprivate func step<Element>(
        of coefficient: Double, _ instruction: StepProgram<Double>.Instruction, term: Int
    ) -> Double where Value == Tensor<Element> {
        switch instruction {
        case .evaluate: return 0.005 * coefficient
        case .combine(let terms):
            let sum = weightedSum(terms.compactMap { term in self[term.register].map { (term.coefficient, $0) } })
            guard let moved = self[terms[term].register], moved.dot(moved) > 0 else { return 1e-3 }
            return 0.002 * (Swift.max(sum.dot(sum), .leastNormalMagnitude) / moved.dot(moved)).squareRoot()
        }
    }
}

extension StepProgram where Coefficient == Double {
    fileprivate func moving(instruction: Int, term: Int, by step: Double) -> StepProgram<Double> {
        mapCoefficients { coefficient, place, position in
            place == instruction && position == term ? coefficient + step : coefficient
        }
    }
}

extension StepProgram {
    /// Every coefficient with its place.
    fileprivate var coefficients: [(instruction: Int, term: Int, coefficient: Coefficient)] {
        instructions.enumerated().flatMap { index, instruction -> [(Int, Int, Coefficient)] in
            switch instruction {
            case .evaluate(_, let time, _): [(index, 0, time)]
            case .combine(let terms): terms.enumerated().map { (index, $0.offset, $0.element.coefficient) }
            }
        }
    }
}
