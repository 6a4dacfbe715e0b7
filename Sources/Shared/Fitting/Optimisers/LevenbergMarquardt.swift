import Diagnostics
import Diffusion
import LinearAlgebra
import Solvers
import Tensors

/// How a Levenberg-Marquardt fit is run.
package struct LevenbergMarquardtSettings: Sendable, Equatable {
    package var iterations = 15
    /// Candidates, with one solver's coefficients or another's, whose times are fitted before; with how many iterations,
    /// on how many pairs of either kind.
    package var starts = 3
    package var startIterations = 4
    package var startPairs = 16
    /// Starts of which everything is then fitted on all training pairs; the best one alone where schedules to start from are
    /// given, as along budgets.
    package var finalists = 2
    /// Iterations in which the chosen fit goes on with the validation pairs among those it trains on.
    package var refitIterations = 5
    /// Pairs on which the curvature is taken, more where samples are so small that these would not tell; the gradient
    /// always uses all.
    package var curvaturePairs = 10
    /// Iterations for which a Gauss-Newton matrix serves, brought up to date by the gradients in between (BFGS).
    package var curvatureInterval = 3
    /// Weight of the squared moves of the coefficients' offsets away from the start's, relative to the training loss at which
    /// a run begins.
    /// Where the fit comes to rest, and has not begun to overfit, it goes on from its best iterate with a tenth of it, once.
    package var ridge = 1e-2
    package var damping = 1e-3
    /// Iterations without a better validation loss, or with hardly any gain in training, before it stops.
    package var patience = 4
    package var smallestGain = 1e-3

    package init() {}
}

/// Gauss-Newton with Marquardt's damping on the hard loss of the training pairs; the validation pairs choose the
/// iterate (M5.13, M13.3).
///
/// For the l2 loss, J'J is the Gauss-Newton matrix of its least-squares form (M7.3). For another loss the same matrix
/// only preconditions the loss' own exact gradient.
package struct LevenbergMarquardt<Element: TensorElement> {
    let student: Student<Element, GeneralizedFamily>
    let settings: LevenbergMarquardtSettings
    let free: [Int]
    let train: [FittingSet<Element>]
    let validation: FittingSet<Element>?
    let observe: (LD3Event) -> Void

    /// Where the fit stands.
    package struct State: Sendable, Equatable {
        package var parameters: [Double]
        package var trainingLoss: Double
        package var validationLoss: Double
        /// Of the mean training loss, exact, in the free parameters; nil where no step is to follow.
        var gradient: [Double]?
    }

    /// - Parameters:
    ///   - train: one or more sets, the first of which gives the curvature.
    ///   - validation: chooses the iterate; without it the training loss does.
    package init(
        student: Student<Element, GeneralizedFamily>, settings: LevenbergMarquardtSettings, learning: LearnedParts,
        train: [FittingSet<Element>], validation: FittingSet<Element>?, observe: @escaping (LD3Event) -> Void = { _ in }
    ) {
        self.student = student
        self.settings = settings
        free = student.family.indices(of: learning)
        self.train = train
        self.validation = validation
        self.observe = observe
    }

    /// The iterate of least validation loss from `initial`, towards whose offsets, or those of `center`, the ridge pulls.
    ///
    /// Model times outside their window are read as on its bound, without a gradient there, and start on it.
    ///
    /// - Parameter validationLoss: of `initial`, where it is known.
    package func run(
        from initial: [Double], heldTo center: [Double]? = nil, validationLoss: Double? = nil
    ) throws -> State {
        var initial = initial
        student.family.cutToWindow(&initial)
        guard !free.isEmpty else { return try state(initial, validationLoss: validationLoss) }
        var current = try state(initial, validationLoss: validationLoss, isLast: false)
        var best = current
        var damping = settings.damping
        var iterationsWithoutGain = 0
        var curvature: Curvature?
        let easing = free.contains(where: isOffset) ? [1, 0.1] : [1]
        var ridges = easing.map { Ridge(weight: $0 * settings.ridge * current.trainingLoss, center: center ?? initial) }
        for iteration in 1...max(settings.iterations, 1) {
            if iterationsWithoutGain >= settings.patience {
                guard ridges.count > 1, !isOverfitting(current, since: best) else { break }
                ridges.removeFirst()
                (current, damping, iterationsWithoutGain) = (best, settings.damping, 0)
                curvature = nil
            }
            let isLast = iteration >= settings.iterations
            guard let next = try step(from: current, &curvature, damping: &damping, ridge: ridges[0], isLast: isLast)
            else {
                iterationsWithoutGain = settings.patience
                continue
            }
            let gain = 1 - next.trainingLoss / current.trainingLoss
            current = next
            let isBetter = next.validationLoss < best.validationLoss * (1 - settings.smallestGain)
            iterationsWithoutGain = isBetter && gain > settings.smallestGain ? 0 : iterationsWithoutGain + 1
            if next.validationLoss < best.validationLoss { best = next }
            observe(
                .iteration(
                    number: iteration, trainingLoss: next.trainingLoss, validationLoss: next.validationLoss,
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
        let training = try trainingLoss(parameters, isLast: isLast)
        let trainingLoss = training?.loss ?? .infinity
        return State(
            parameters: parameters, trainingLoss: trainingLoss,
            validationLoss: try validationLoss ?? self.validationLoss(parameters) ?? trainingLoss,
            gradient: training?.gradient)
    }

    private func validationLoss(_ parameters: [Double]) throws -> Double? {
        try validation.map { mean(try student.losses(student.program(parameters), $0) ?? []) }
    }

    /// One step that lowers the penalized training loss, or nil where even short ones along a fresh matrix do not.
    private func step(
        from current: State, _ curvature: inout Curvature?, damping: inout Double, ridge: Ridge, isLast: Bool
    ) throws -> State? {
        guard let slopes = current.gradient else { return nil }
        let values = free.map { current.parameters[$0] }
        let gradient = penalized(slopes, current.parameters, ridge)
        curvature?.advance(to: values, gradient: gradient)
        if let known = curvature, known.age < settings.curvatureInterval,
            let next = try step(from: current, gradient, known.matrix, &damping, ridge, isLast: isLast)
        {
            return next
        }
        let fresh = Curvature(
            matrix: try gaussNewton(current.parameters, ridge: ridge), at: values, gradient: gradient)
        curvature = fresh
        return try step(from: current, gradient, fresh.matrix, &damping, ridge, isLast: isLast)
    }

    /// A model time on the bound of its window moves with the times, which the gradient does not know (the window is a
    /// constant there): where no step of all parameters helps, the times stay.
    private func step(
        from current: State, _ gradient: [Double], _ curvature: [Double], _ damping: inout Double, _ ridge: Ridge,
        isLast: Bool
    ) throws -> State? {
        let times = Set(student.family.indices(of: .times)).intersection(free)
        let isHeld = student.family.touchesWindow(current.parameters)
        for fixed in isHeld && times.count < free.count && !times.isEmpty ? [[], times] : [[]] {
            var tried = damping
            let move = { solve(curvature, gradient, damping: $0, fixed: fixed) }
            if let next = try step(from: current, along: move, &tried, ridge, isLast: isLast) {
                damping = tried
                return next
            }
        }
        return nil
    }

    /// The first of ever shorter steps that lowers the penalized training loss.
    private func step(
        from current: State, along move: (_ damping: Double) -> [Double]?, _ damping: inout Double, _ ridge: Ridge,
        isLast: Bool
    ) throws -> State? {
        let bound = current.trainingLoss + penalty(ridge, current.parameters)
        for attempt in 0..<10 {
            if let move = move(damping) {
                let parameters = moved(current.parameters, by: move)
                let rest = penalty(ridge, parameters)
                // A step along which the network is not finite was too long as well.
                let next = try whereFinite { () -> State? in
                    let training = try trainingLoss(parameters, below: bound - rest, isLast: isLast)
                    guard let training, training.loss + rest < bound else { return nil }
                    return State(
                        parameters: parameters, trainingLoss: training.loss,
                        validationLoss: try validationLoss(parameters) ?? training.loss, gradient: training.gradient)
                }
                if let next = next ?? nil {
                    // What has just been too little is not tried again at once.
                    if attempt == 0 { damping = max(damping / 4, 1e-9) }
                    return next
                }
            }
            damping *= 8
        }
        return nil
    }

    /// The mean training loss with its exact gradient in the free parameters, which a last iterate does without; nil where
    /// the loss exceeds the bound.
    private func trainingLoss(
        _ parameters: [Double], below bound: Double = .infinity, isLast: Bool
    ) throws -> (loss: Double, gradient: [Double]?)? {
        let count = Double(train.map(\.count).reduce(0, +))
        let bound = student.savings.contains(.earlyAbort) ? bound * count : .infinity
        var losses: [Double] = []
        if isLast {
            let program = try student.program(parameters)
            for set in train {
                let rest = bound - losses.reduce(0, +)
                guard let more = try student.losses(program, set, abandoningAbove: rest) else { return nil }
                losses += more
            }
            return (mean(losses), nil)
        }
        var gradient = [Double](repeating: 0, count: free.count)
        for (set, chunk) in chunks {
            let solved = try student.linearized(parameters, set, at: chunk, ofLatents: false)
            losses += solved.losses
            guard losses.reduce(0, +) <= bound else { return nil }
            let slopes = try solved.pullback().parameters
            for (index, parameter) in free.enumerated() {
                gradient[index] += slopes[parameter] * Double(chunk.count) / count
            }
        }
        return (mean(losses), gradient)
    }

    private var chunks: [(set: FittingSet<Element>, pairs: [Int])] {
        train.flatMap { set in Array(0..<set.count).chunks(of: Self.gradientChunk).map { (set, $0) } }
    }

    /// The gradient with the ridge's own.
    private func penalized(_ gradient: [Double], _ parameters: [Double], _ ridge: Ridge) -> [Double] {
        var gradient = gradient
        for (index, parameter) in free.enumerated() where isOffset(parameter) {
            gradient[index] += 2 * ridge.weight * (parameters[parameter] - ridge.center[parameter])
        }
        return gradient
    }

    /// The Gauss-Newton matrix of the penalized mean training loss, from a few of the pairs.
    private func gaussNewton(_ parameters: [Double], ridge: Ridge) throws -> [Double] {
        let train = train[0]
        let size = train.pairs.targets.sampleCount
        let enough = max(settings.curvaturePairs, Self.residualsPerParameter * free.count / size)
        let pairs = Array(0..<min(enough, train.count))
        let scale = 2 / Double(pairs.count * size)
        var curvature = [Double](repeating: 0, count: free.count * free.count)
        for chunk in pairs.chunks(of: Self.gradientChunk) {
            let gram = try student.jacobian(parameters, train, at: chunk, free: free).gram
            for index in curvature.indices { curvature[index] += scale * gram[index] }
        }
        for (index, parameter) in free.enumerated() where isOffset(parameter) {
            curvature[index * free.count + index] += 2 * ridge.weight
        }
        return curvature
    }

    private static var residualsPerParameter: Int { 20 }

    /// A constant, since sums of gradients over other chunks would round otherwise.
    private static var gradientChunk: Int { 10 }

    /// The damped Gauss-Newton step, with the parameters `fixed` left as they are.
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
        student.family.cutToWindow(&moved)
        return moved
    }

    private func isOffset(_ parameter: Int) -> Bool { parameter >= student.family.times.parameterCount }

    private func penalty(_ ridge: Ridge, _ parameters: [Double]) -> Double {
        let moves = zip(parameters, ridge.center).dropFirst(student.family.times.parameterCount)
        return ridge.weight * moves.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }

    /// What holds the coefficients' offsets to those of a start.
    private struct Ridge {
        var weight: Double
        var center: [Double]
    }
}

func mean(_ values: [Double]) -> Double {
    values.isEmpty ? .infinity : values.reduce(0, +) / Double(values.count)
}
