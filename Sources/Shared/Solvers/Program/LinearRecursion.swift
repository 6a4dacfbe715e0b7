import Diffusion
import Tensors

/// The form of every solver (docs/methods/solvers.md, "Step program"). With y_0 = x_0 and the prediction m_j at y_j and
/// model time j,
///
///     y_i = sum_{j<i} A_ij x_j + sum_{j<i} P_ij m_j          the predictor; the network is asked at y_i
///     x_i = sum_{j<i} C_ij x_j + sum_{j<=i} Q_ij m_j         the corrector; without one, x_i = y_i
///
/// m is the data, noise or velocity prediction, converted with alpha and sigma at the model time. A step with two
/// evaluations takes two rows. Only the terms that exist are stored, so an output that no row uses is never evaluated.
package struct LinearRecursion<Coefficient: Real>: Sendable {
    /// The weights of earlier states and outputs, in the order of their indices.
    package struct Combination: Sendable {
        package private(set) var states: [(index: Int, weight: Coefficient)] = []
        package private(set) var outputs: [(index: Int, weight: Coefficient)] = []

        package init() {}

        package mutating func add(state index: Int, _ weight: Coefficient) { Self.add(index, weight, to: &states) }
        package mutating func add(output index: Int, _ weight: Coefficient) { Self.add(index, weight, to: &outputs) }

        private static func add(
            _ index: Int, _ weight: Coefficient, to list: inout [(index: Int, weight: Coefficient)]
        ) {
            let place = list.firstIndex { $0.index >= index } ?? list.count
            if place < list.count, list[place].index == index {
                list[place].weight += weight
            } else {
                list.insert((index, weight), at: place)
            }
        }

        /// Puts the term `factor` x_0 in place of the output m_0.
        mutating func replaceFirstOutput(by factor: Coefficient) {
            guard let place = outputs.firstIndex(where: { $0.index == 0 }) else { return }
            add(state: 0, outputs.remove(at: place).weight * factor)
        }
    }

    package struct Row: Sendable {
        package var predictor: Combination
        package var corrector: Combination?
        /// Whether x_i is the state after a step; if not, it is a point within a step.
        package var completesStep: Bool

        package init(predictor: Combination, corrector: Combination? = nil, completesStep: Bool = true) {
            self.predictor = predictor
            self.corrector = corrector
            self.completesStep = completesStep
        }
    }

    /// The prediction m.
    package var prediction: Prediction
    /// The model times 0 to N, one more than there are rows.
    package var modelTimes: [Coefficient]
    /// Row i - 1 makes y_i and x_i.
    package var rows: [Row] = []

    package init(prediction: Prediction, modelTimes: [Coefficient], rows: [Row] = []) {
        self.prediction = prediction
        self.modelTimes = modelTimes
        self.rows = rows
    }
}

extension StepProgram {
    /// Makes the program of a recursion. An output is evaluated if a row uses it, and then once.
    package init(_ recursion: LinearRecursion<Coefficient>, process: NoiseProcess) {
        self.init()
        var builder = ProgramBuilder(recursion, process: process)
        for row in recursion.rows {
            let predicted = builder.combine(row.predictor, in: &self)
            builder.points.append(predicted)
            let state = row.corrector.map { builder.combine($0, in: &self) } ?? predicted
            builder.states.append(state)
            if row.completesStep { finishStep(state) }
        }
    }
}

/// The registers of a recursion while its program is written.
private struct ProgramBuilder<Coefficient: Real> {
    let recursion: LinearRecursion<Coefficient>
    let process: NoiseProcess
    /// The registers of x_i, by index.
    var states = [0]
    /// The registers of y_i, by index.
    var points = [0]
    /// The registers of the m_i that are evaluated, by index.
    private var outputs: [Int: Int] = [:]

    init(_ recursion: LinearRecursion<Coefficient>, process: NoiseProcess) {
        self.recursion = recursion
        self.process = process
    }

    mutating func combine(
        _ combination: LinearRecursion<Coefficient>.Combination, in program: inout StepProgram<Coefficient>
    ) -> Int {
        var terms: [(coefficient: Coefficient, register: Int)] = []
        for (index, weight) in combination.states { terms.append((weight, states[index])) }
        for (index, weight) in combination.outputs { terms.append((weight, output(index, in: &program))) }
        return program.combine(terms)
    }

    /// Returns the register of m_i, which is evaluated if it is not yet. Its conversion takes alpha and sigma at the model
    /// time.
    private mutating func output(_ index: Int, in program: inout StepProgram<Coefficient>) -> Int {
        if let known = outputs[index] { return known }
        let time = recursion.modelTimes[index]
        var register = program.evaluate(points[index], at: time)
        if recursion.prediction != .data {
            let weights = recursion.prediction.weights(process, at: time)
            register = program.combine([(weights.state, points[index]), (weights.data, register)])
        }
        outputs[index] = register
        return register
    }
}
