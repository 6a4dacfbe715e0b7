import Diagnostics
import Diffusion
import Solvers
import Tensors

/// How a Levenberg-Marquardt fit is run.
package struct LevenbergMarquardtSettings: Sendable, Equatable {
    package var iterations = 15
    /// Candidates whose times are fitted before, with how many iterations, on how many pairs of either kind.
    package var starts = 3
    package var startIterations = 4
    package var startPairs = 16
    /// Pairs on which the curvature is taken, more where samples are so small that these would not tell; the gradient
    /// always uses all.
    package var curvaturePairs = 10
    /// Weight of the squared coefficient offsets, relative to the loss at the start. Where the fit comes to rest it goes on
    /// from its best iterate with a tenth of it, once.
    package var ridge = 1e-2
    package var damping = 1e-3
    /// Iterations without a better validation loss, or with hardly any gain in training, before it stops.
    package var patience = 3
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
    let train: FittingSet<Element>
    let validation: FittingSet<Element>
    let observe: (LD3Event) -> Void

    /// Where the fit stands.
    package struct State: Sendable, Equatable {
        package var parameters: [Double]
        package var trainingLoss: Double
        package var validationLoss: Double
    }

    package init(
        student: Student<Element, GeneralizedFamily>, settings: LevenbergMarquardtSettings, learning: LearnedParts,
        train: FittingSet<Element>, validation: FittingSet<Element>, observe: @escaping (LD3Event) -> Void = { _ in }
    ) {
        self.student = student
        self.settings = settings
        free = student.family.indices(of: learning)
        self.train = train
        self.validation = validation
        self.observe = observe
    }

    /// The iterate of least validation loss from `initial`.
    package func run(from initial: [Double]) throws -> State {
        var current = try state(initial)
        var best = current
        var damping = settings.damping
        var iterationsWithoutGain = 0
        let easing = free.contains(where: isOffset) ? [1, 0.1] : [1]
        var ridges = easing.map { $0 * settings.ridge * current.trainingLoss }
        for iteration in 1...max(settings.iterations, 1) {
            if iterationsWithoutGain >= settings.patience {
                guard ridges.count > 1 else { break }
                ridges.removeFirst()
                (current, damping, iterationsWithoutGain) = (best, settings.damping, 0)
            }
            guard let next = try step(from: current, damping: &damping, ridge: ridges[0]) else {
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

    package func state(_ parameters: [Double]) throws -> State {
        let program = try student.program(parameters)
        return State(
            parameters: parameters, trainingLoss: mean(try student.losses(program, train) ?? []),
            validationLoss: mean(try student.losses(program, validation) ?? []))
    }

    /// One step that lowers the penalized training loss, or nil where even short ones do not.
    ///
    /// A model time on the bound of its window moves with the times, which the gradient does not know (the window is a
    /// constant there): where no step of all parameters helps, the times stay.
    private func step(from current: State, damping: inout Double, ridge: Double) throws -> State? {
        let (gradient, curvature) = try model(current.parameters, ridge: ridge)
        for fixed in [nil, student.family.indices(of: .times)] {
            var tried = damping
            let next = try step(
                from: current, gradient, curvature, damping: &tried, ridge: ridge, fixed: Set(fixed ?? []))
            if let next {
                damping = tried
                return next
            }
        }
        return nil
    }

    private func step(
        from current: State, _ gradient: [Double], _ curvature: [Double], damping: inout Double, ridge: Double,
        fixed: Set<Int>
    ) throws -> State? {
        let penalized = current.trainingLoss + penalty(current.parameters, ridge)
        for _ in 0..<10 {
            if let move = solve(curvature, gradient, damping: damping, fixed: fixed) {
                let parameters = moved(current.parameters, by: move)
                let rest = penalty(parameters, ridge)
                let bound = (penalized - rest) * Double(train.count)
                if let losses = try finiteLosses(parameters, below: bound), mean(losses) + rest < penalized {
                    damping = max(damping / 4, 1e-9)
                    let validation = try student.losses(student.program(parameters), validation) ?? []
                    return State(
                        parameters: parameters, trainingLoss: mean(losses), validationLoss: mean(validation))
                }
            }
            damping *= 8
        }
        return nil
    }

    /// Training losses, or nil where they exceed the bound or the network is not finite: the step was too long.
    private func finiteLosses(_ parameters: [Double], below bound: Double) throws -> [Double]? {
        do {
            return try student.losses(student.program(parameters), train, abandoningAbove: bound)
        } catch let failure as Failure where failure.status == .internal {
            return nil
        }
    }

    /// Gradient and Gauss-Newton matrix of the penalized mean training loss in the free parameters.
    private func model(_ parameters: [Double], ridge: Double) throws -> (gradient: [Double], curvature: [Double]) {
        var gradient = [Double](repeating: 0, count: free.count)
        for chunk in Array(0..<train.count).chunks(of: Self.gradientChunk) {
            let part = try student.gradients(parameters, train, at: chunk, ofLatents: false)
            for (index, parameter) in free.enumerated() {
                gradient[index] += part.parameters[parameter] * Double(chunk.count) / Double(train.count)
            }
        }
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
            gradient[index] += 2 * ridge * parameters[parameter]
            curvature[index * free.count + index] += 2 * ridge
        }
        return (gradient, curvature)
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

    private func penalty(_ parameters: [Double], _ ridge: Double) -> Double {
        ridge * parameters.dropFirst(student.family.times.parameterCount).reduce(0) { $0 + $1 * $1 }
    }
}

func mean(_ values: [Double]) -> Double {
    values.isEmpty ? .infinity : values.reduce(0, +) / Double(values.count)
}
