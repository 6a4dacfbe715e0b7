import Solvers
import Tensors

/// The derivatives of the results of some pairs in some parameters.
package struct Jacobian<Element: TensorElement> {
    /// One for each parameter, [B, residuals of a pair].
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
    /// Returns the Jacobian of the results of the pairs at `indices` in the parameters `free`; for a sampler, of the roots
    /// of their losses.
    ///
    /// Either each coefficient of the program is moved a little, or each parameter with all coefficients that depend on
    /// it, whichever takes fewer evaluations: only the part after the first coefficient moved is run again. Forward
    /// differences are accurate enough for the curvature of Gauss-Newton; gradients come from the exact adjoint.
    package func jacobian(
        _ parameters: [Double], _ set: FittingSet<Element>, at indices: [Int], free: [Int]
    ) throws -> Jacobian<Element> {
        if let sampler = solver.sampler {
            return try jacobian(sampler, parameters, set, at: indices, free: free)
        }
        let differentiated = try family.differentiated(parameters)
        let program = differentiated.values
        let start = set.movedNoises.gather(indices).scaled(by: solver.startScale)
        let known = set.firstOutputs.map { [1: $0.gather(indices)] } ?? [:]
        let executor = solver.executor(set, indices)
        var registers: [Int: Tensor<Element>] = [:]
        let result = try executor.run(program, from: start, known: known) { registers[$0] = $1 }

        let slopes = differentiated.coefficients.map { place, coefficient in
            Slope(
                place: place, partials: free.map(coefficient.partial),
                step: registers.step(of: coefficient.value, program.instructions[place.instruction], term: place.term))
        }
        var columns = free.map { _ in Tensor<Double>(shape: result.shape) }
        for move in program.cheapest(Move.ofCoefficients(slopes), Move.ofParameters(slopes, count: free.count)) {
            let unchanged = registers.filter { $0.key >= 1 && $0.key <= move.first }
            let moved = try executor.run(program.moved(by: move.changes), from: start, known: unchanged)
            var difference = moved.converted(to: Double.self)
            difference.add(result, times: -1)
            for (column, weight) in move.shares { columns[column].add(difference, times: weight) }
        }
        return Jacobian(columns: columns.map { $0.converted() })
    }
}

/// The place of a coefficient in a program.
private struct Place: Hashable {
    var instruction: Int
    var term: Int
}

/// A coefficient's derivatives by the parameters, and how far it may be moved.
private struct Slope {
    var place: Place
    var partials: [Double]
    var step: Double
}

/// Small changes of some coefficients, and the weights by which the change of the result is added to columns.
private struct Move {
    var changes: [Place: Double]
    var shares: [(column: Int, weight: Double)]

    /// The first instruction that changes.
    var first: Int { changes.keys.map(\.instruction).min() ?? 0 }

    static func ofCoefficients(_ slopes: [Slope]) -> [Move] {
        slopes.compactMap { slope in
            let shares = slope.partials.enumerated().filter { $0.element != 0 }
            guard !shares.isEmpty else { return nil }
            return Move(
                changes: [slope.place: slope.step], shares: shares.map { ($0.offset, $0.element / slope.step) })
        }
    }

    /// Returns a move for each parameter, as far as the first of its coefficients may go.
    static func ofParameters(_ slopes: [Slope], count: Int) -> [Move] {
        (0..<count).compactMap { column in
            let moving = slopes.filter { $0.partials[column] != 0 }
            guard let step = moving.map({ abs($0.step / $0.partials[column]) }).min() else { return nil }
            return Move(
                changes: Dictionary(uniqueKeysWithValues: moving.map { ($0.place, step * $0.partials[column]) }),
                shares: [(column, 1 / step)])
        }
    }
}

extension Dictionary where Key == Int {
    /// Returns how far to move a coefficient: a time by 0.5 %, a weight so that its combination moves by 0.2 %.
    fileprivate func step<Element>(
        of coefficient: Double, _ instruction: StepProgram<Double>.Instruction, term: Int
    ) -> Double where Value == Tensor<Element> {
        switch instruction {
        case .evaluate: return 0.005 * coefficient
        case .combine(let terms):
            let sum = weightedSum(terms.compactMap { term in self[term.register].map { (term.coefficient, $0) } })
            guard let moved = self[terms[term].register], moved.dot(moved) > 0, sum.dot(sum) > 0 else { return 1e-3 }
            return 0.002 * (sum.dot(sum) / moved.dot(moved)).squareRoot()
        }
    }
}

extension StepProgram where Coefficient == Double {
    fileprivate func moved(by changes: [Place: Double]) -> StepProgram<Double> {
        mapCoefficients { $0 + (changes[Place(instruction: $1, term: $2)] ?? 0) }
    }

    /// Returns the moves that run fewer evaluations again: those that follow each move's first change.
    fileprivate func cheapest(_ first: [Move], _ second: [Move]) -> [Move] {
        func cost(_ moves: [Move]) -> Int {
            moves.reduce(0) { $0 + instructions[$1.first...].count(where: \.isEvaluation) }
        }
        return cost(first) <= cost(second) ? first : second
    }
}

extension StepProgram {
    /// Every coefficient with its place.
    fileprivate var coefficients: [(place: Place, coefficient: Coefficient)] {
        instructions.enumerated().flatMap { index, instruction -> [(Place, Coefficient)] in
            switch instruction {
            case .evaluate(_, let time, _): [(Place(instruction: index, term: 0), time)]
            case .combine(let terms):
                terms.enumerated().map { (Place(instruction: index, term: $0.offset), $0.element.coefficient) }
            }
        }
    }
}

extension StepProgram.Instruction {
    fileprivate var isEvaluation: Bool {
        if case .evaluate = self { return true }
        return false
    }
}
