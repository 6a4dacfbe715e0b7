import Diffusion
import LinearAlgebra
import Solvers
import Tensors

package struct LevenbergMarquardtSettings: Sendable, Equatable {
    package var steps = 15
    /// The pairs on which the curvature is taken; more if samples are so small that these would not tell. The gradient
    /// always uses all.
    package var curvaturePairs = 10
    /// The steps for which a Gauss-Newton matrix serves, brought up to date by the gradients in between (BFGS).
    package var curvatureInterval = 3
    /// The weight of the squared moves of the family's coefficient offsets away from the start's, relative to the training loss at
    /// which a run begins. If the fit comes to rest and has not begun to overfit, it goes on from its best iterate with
    /// a tenth of it, once.
    package var ridge = 1e-2
    package var damping = 1e-3
    /// The steps without a better validation loss, or with hardly any gain in training, before it stops.
    package var patience = 4
    package var smallestGain = 1e-3

    package init() {}
}

/// Gauss-Newton with Marquardt's damping on the hard loss of the training pairs, in any family of parameters; the
/// validation pairs choose the iterate (docs/methods/gauss-newton.md, "Levenberg-Marquardt").
///
/// For the l2 loss, J'J is the Gauss-Newton matrix of its least-squares form. For another loss the same matrix only
/// preconditions the exact gradient of that loss. A sampler's residuals are the roots of its losses.
package struct LevenbergMarquardt<Element: TensorElement, Family: ProgramFamily> {
    private let objective: TrainingObjective<Element, Family>
    private let settings: LevenbergMarquardtSettings
    private let validation: FittingSet<Element>?
    private let observe: (TrainingStep) -> Void

    /// A point of the fit.
    package struct State: Sendable, Equatable {
        package var parameters: [Double]
        package var trainingLoss: Double
        package var validationLoss: Double
        /// The exact gradient of the mean training loss in the free parameters; nil if no step is to follow or can.
        var gradient: [Double]?
    }

    /// - Parameters:
    ///   - train: one or more sets, the first of which gives the curvature.
    ///   - validation: chooses the iterate; without it the training loss does.
    package init(
        student: Student<Element, Family>, settings: LevenbergMarquardtSettings, learning: LearnedParts,
        train: [FittingSet<Element>], validation: FittingSet<Element>?,
        observe: @escaping (TrainingStep) -> Void = { _ in }
    ) {
        objective = TrainingObjective(student: student, free: student.family.indices(of: learning), sets: train)
        self.settings = settings
        self.validation = validation
        self.observe = observe
    }

    private var student: Student<Element, Family> { objective.student }
    private var family: Family { objective.student.family }
    private var free: [Int] { objective.free }

    /// Fits from `initial` and returns the iterate of least validation loss. Throws a `Breakdown` if the network or the
    /// solver breaks down at `initial`.
    ///
    /// The ridge pulls the coefficient offsets towards those of `center`, or of `initial` if `center` is nil. Parameters that
    /// are out of bounds are first put on their bounds.
    ///
    /// - Parameter validationLoss: that of `initial`, if it is known.
    package func run(
        from initial: [Double], heldTo center: [Double]? = nil, validationLoss: Double? = nil
    ) throws -> State {
        var initial = initial
        family.project(&initial)
        guard !free.isEmpty else { return try state(initial, validationLoss: validationLoss) }
        var current = try state(initial, validationLoss: validationLoss, isLast: false)
        var best = current
        var damping = settings.damping
        var stepsWithoutGain = 0
        var curvature: Curvature?
        let easing = free.contains(where: family.coefficientOffsets.contains) ? [1, 0.1] : [1]
        var ridges = easing.map {
            Ridge(
                weight: $0 * settings.ridge * current.trainingLoss, center: center ?? initial,
                offsets: family.coefficientOffsets)
        }
        for number in 1...max(settings.steps, 1) {
            if stepsWithoutGain >= settings.patience {
                guard ridges.count > 1, !isOverfitting(current, since: best) else { break }
                ridges.removeFirst()
                (current, damping, stepsWithoutGain) = (best, settings.damping, 0)
                curvature = nil
            }
            let isLast = number >= settings.steps
            guard let next = try step(from: current, &curvature, damping: &damping, ridge: ridges[0], isLast: isLast)
            else {
                stepsWithoutGain = settings.patience
                continue
            }
            let gain = 1 - next.trainingLoss / current.trainingLoss
            current = next
            let isBetter = next.validationLoss < best.validationLoss * (1 - settings.smallestGain)
            stepsWithoutGain = isBetter && gain > settings.smallestGain ? 0 : stepsWithoutGain + 1
            if next.validationLoss < best.validationLoss { best = next }
            observe(
                TrainingStep(
                    number: number, trainingLoss: next.trainingLoss, validationLoss: next.validationLoss,
                    best: best.validationLoss))
        }
        return best
    }

    /// Whether the training loss went on falling while the validation loss did not: fewer restraints would not help.
    private func isOverfitting(_ current: State, since best: State) -> Bool {
        current.trainingLoss < 0.9 * best.trainingLoss
    }

    package func state(
        _ parameters: [Double], validationLoss: Double? = nil, isLast: Bool = true
    ) throws -> State {
        let training = try objective.loss(parameters, wantsGradient: !isLast)
        let trainingLoss = training?.loss ?? .infinity
        return State(
            parameters: parameters, trainingLoss: trainingLoss,
            validationLoss: try validationLoss ?? self.validationLoss(parameters) ?? trainingLoss,
            gradient: training?.gradient)
    }

    private func validationLoss(_ parameters: [Double]) throws -> Double? {
        try validation.map { mean(try student.solver.losses(student.course(parameters), $0) ?? []) }
    }

    /// Returns a state of lower penalized training loss, or nil if even short steps along a fresh matrix lead to none.
    private func step(
        from current: State, _ curvature: inout Curvature?, damping: inout Double, ridge: Ridge, isLast: Bool
    ) throws -> State? {
        guard var gradient = current.gradient else { return nil }
        let values = free.map { current.parameters[$0] }
        ridge.add(to: &gradient, free, at: current.parameters)
        curvature?.advance(to: values, gradient: gradient)
        if let known = curvature, known.age < settings.curvatureInterval,
            let next = try step(from: current, gradient, known.matrix, &damping, ridge, isLast: isLast)
        {
            return next
        }
        var matrix = try objective.gaussNewton(current.parameters, pairs: settings.curvaturePairs)
        ridge.add(to: &matrix, free)
        curvature = Curvature(matrix: matrix, at: values, gradient: gradient)
        return try step(from: current, gradient, matrix, &damping, ridge, isLast: isLast)
    }

    /// Takes a step that lowers the loss, or returns nil if there is none.
    ///
    /// The gradient does not know that a parameter on its bound moves with the bound. If no step of all parameters lowers the
    /// loss, this tries one in which the parameters that move the bound stay.
    private func step(
        from current: State, _ gradient: [Double], _ curvature: [Double], _ damping: inout Double, _ ridge: Ridge,
        isLast: Bool
    ) throws -> State? {
        let movers = Set(family.boundMovers(at: current.parameters)).intersection(free)
        for fixed in movers.count < free.count && !movers.isEmpty ? [[], movers] : [[]] {
            var tried = damping
            let move = { solve(curvature, gradient, damping: $0, fixed: fixed) }
            if let next = try step(from: current, along: move, &tried, ridge, isLast: isLast) {
                damping = tried
                return next
            }
        }
        return nil
    }

    /// Returns the state after the first of ever shorter steps that lowers the penalized training loss.
    private func step(
        from current: State, along move: (_ damping: Double) -> [Double]?, _ damping: inout Double, _ ridge: Ridge,
        isLast: Bool
    ) throws -> State? {
        let bound = current.trainingLoss + ridge.penalty(current.parameters)
        for attempt in 0..<10 {
            if let move = move(damping) {
                let parameters = moved(current.parameters, by: move)
                let rest = ridge.penalty(parameters)
                // A step along which the network breaks down was too long as well.
                let next = try unlessBroken { () -> State? in
                    let training = try objective.loss(parameters, below: bound - rest, wantsGradient: !isLast)
                    guard let training, training.loss + rest < bound else { return nil }
                    return State(
                        parameters: parameters, trainingLoss: training.loss,
                        validationLoss: try validationLoss(parameters) ?? training.loss, gradient: training.gradient)
                }
                if let next = next ?? nil {
                    // A step that has just been too short is not tried again at once.
                    if attempt == 0 { damping = max(damping / 4, 1e-9) }
                    return next
                }
            }
            damping *= 8
        }
        return nil
    }

    /// Returns the damped Gauss-Newton step, [F], with the parameters `fixed` left as they are; nil if the matrix is
    /// not positive definite.
    private func solve(
        _ curvature: [Double], _ gradient: [Double], damping: Double, fixed: Set<Int>
    ) -> [Double]? {
        var (damped, gradient) = (curvature, gradient)
        for (row, parameter) in free.enumerated() where fixed.contains(parameter) {
            gradient[row] = 0
            for column in free.indices where column != row {
                damped[row * free.count + column] = 0
                damped[column * free.count + row] = 0
            }
        }
        let largest = free.indices.map { curvature[$0 * free.count + $0] }.max() ?? 0
        for index in free.indices {
            let diagonal = index * free.count + index
            // The floor holds directions in which the results hardly move; all parameters are of the order of one.
            damped[diagonal] += damping * max(curvature[diagonal], 1e-3 * largest)
        }
        return solvePositiveDefinite(damped, gradient.map { -$0 })
    }

    private func moved(_ parameters: [Double], by move: [Double]) -> [Double] {
        var moved = parameters
        for (index, parameter) in free.enumerated() { moved[parameter] += move[index] }
        family.project(&moved)
        return moved
    }
}
