import Diagnostics
import Diffusion
import Solvers
import Tensors

/// LD3: learns the times of a solver, and the times its network is told, from a teacher's pairs (M5.6; paper Alg. 1).
///
/// It differs from the official trainer where that one is at odds with its own aims (M5.13, DEF-1, -2, -12, -13):
/// exact gradients; where latents' moves are tested, losses are compared at equal parameters; validation latents, where they
/// move, do so at the best parameters, and the best loss is then the one on the moved latents, so that rounds are compared on the
/// same data.
package struct LD3Trainer<Element: TensorElement> {
    package let student: Student<Element, TimesFamily>
    package let settings: LD3Settings
    package private(set) var train: FittingSet<Element>
    package private(set) var validation: FittingSet<Element>
    package private(set) var best: Checkpoint
    package private(set) var iteration = 0

    private let initial: [Double]
    private var parameters: [Double]
    private var rmsprop: RMSprop
    private var sgd: SGD
    private var latentStep: Double
    /// Of the pass' latents, of the validation pairs where those move.
    private var acceptedMoves = 0
    private var stepsSinceValidation = 0
    private var stepsWithoutGain = 0
    private var fallsAtSmallestRate = 0
    private var generator: SplitMix
    private let observe: (LD3Event) -> Void

    /// Parameters with the validation losses that they reach, by pair.
    package struct Checkpoint: Sendable, Equatable {
        package var parameters: [Double]
        package var losses: [Double]
        package var loss: Double { losses.reduce(0, +) / Double(losses.count) }
    }

    /// - Parameters:
    ///   - initialLosses: of all validation pairs at `initial`, on the set's latents as they are, where they are known.
    ///   - observe: told of every training step and round, for progress and plots.
    package init(
        student: Student<Element, TimesFamily>, settings: LD3Settings, initial: [Double], train: FittingSet<Element>,
        validation: FittingSet<Element>, initialLosses: [Double]? = nil,
        observe: @escaping (LD3Event) -> Void = { _ in }
    ) throws {
        precondition(initialLosses.map { $0.count == validation.count } ?? true)
        self.student = student
        self.settings = settings
        self.train = train
        self.validation = validation
        self.observe = observe
        self.initial = initial
        parameters = initial
        rmsprop = RMSprop(
            learningRate: settings.learningRate, momentum: settings.momentum,
            count: student.family.parameterization.steps + 1)
        sgd = SGD(learningRate: settings.offsetLearningRate)
        latentStep = settings.latentStep
        generator = SplitMix(seed: settings.seed)
        best = Checkpoint(parameters: initial, losses: [])
        let program = try student.program(initial)
        self.train.firstOutputs = try train.firstOutputs ?? student.firstOutputs(train, program: program)
        self.validation.firstOutputs = try validation.firstOutputs ?? student.firstOutputs(validation, program: program)
        best.losses = try initialLosses ?? student.losses(program, self.validation) ?? []
    }

    /// Runs all rounds and returns the parameters of least validation loss.
    package mutating func run() throws -> Checkpoint {
        let rounds = settings.timeRounds + settings.allRounds
        for round in 0..<rounds {
            parameters = best.parameters
            if !student.savings.contains(.knownLosses) {
                best.losses = try student.losses(student.program(best.parameters), validation) ?? []
            }
            let learnsOffsets = round >= settings.timeRounds && !student.family.isTied
            acceptedMoves = 0
            // After the last round nothing is trained, or chosen, by what has moved.
            let movesLatents = movesLatents && round < rounds - 1
            guard try trainingPass(learnsOffsets: learnsOffsets, movesLatents: movesLatents) else { break }
            if movesLatents, settings.movesValidationLatents { try validationPass() }
            if acceptedMoves == 0, !settings.isHard { latentStep *= settings.latentDecay }
            observe(.round(number: round + 1, validationLoss: best.loss))
        }
        return best
    }

    // MARK: - Training

    private var movesLatents: Bool { !(settings.isHard && student.savings.contains(.hardLatents)) }

    /// One pass over the training pairs. False once the learning rates are exhausted, or there is no way on.
    private mutating func trainingPass(learnsOffsets: Bool, movesLatents: Bool) throws -> Bool {
        let batches = generator.permutation(train.count).chunks(of: settings.batch)
        for (number, indices) in batches.enumerated() {
            let gradients: StudentGradients<Element>
            do {
                gradients = try self.gradients(indices, ofLatents: movesLatents, learnsOffsets: learnsOffsets)
            } catch let breakdown as NetworkBreakdown where best.parameters != initial {
                observe(.end(breakdown))
                return false
            }
            let solvedAt = parameters
            step(along: gradients.parameters, learnsOffsets: learnsOffsets)
            iteration += 1
            try examine(
                trainingLoss: gradients.losses.reduce(0, +) / Double(indices.count), learnsOffsets: learnsOffsets,
                isLast: number == batches.count - 1)
            if fallsAtSmallestRate >= settings.offsetPatience { return false }
            if let slopes = gradients.latents {
                acceptedMoves += try moveTrained(indices, along: slopes, from: gradients.losses, solvedAt)
            }
        }
        return true
    }

    /// At the parameters. Where the network breaks down along them, with the batch's latents back in their places; where it
    /// still does, at the best parameters, which then return with lower learning rates.
    private mutating func gradients(
        _ indices: [Int], ofLatents: Bool, learnsOffsets: Bool
    ) throws -> StudentGradients<Element> {
        func gradients() throws -> StudentGradients<Element> {
            try student.finiteGradients(parameters, train, at: indices, ofLatents: ofLatents)
        }
        if let found = try whereFinite(gradients) { return found }
        if train.putBack(indices), let found = try whereFinite(gradients) { return found }
        if parameters != best.parameters {
            returnToBest(learnsOffsets: learnsOffsets)
            rmsprop.forget()
        }
        return try gradients()
    }

    private mutating func step(along gradient: [Double], learnsOffsets: Bool) {
        let count = student.family.parameterization.steps + 1
        var xi = Array(parameters.prefix(count))
        var offsets = Array(parameters.dropFirst(count))
        rmsprop.step(&xi, gradient: clipped(Array(gradient.prefix(count)), to: settings.gradientLimit))
        if learnsOffsets {
            sgd.step(&offsets, gradient: clipped(Array(gradient.dropFirst(count)), to: settings.gradientLimit))
        }
        parameters = xi + offsets
    }

    /// Compares the parameters with the best so far, after every so many steps and after the pass' last, beyond which
    /// only the best live; after too many steps without a gain the best return and the learning rates fall.
    private mutating func examine(trainingLoss: Double, learnsOffsets: Bool, isLast: Bool) throws {
        var validationLoss: Double?
        stepsSinceValidation += 1
        if stepsSinceValidation >= settings.validationInterval ?? .max || isLast {
            validationLoss = try challenge()
            stepsSinceValidation = 0
            if stepsWithoutGain >= settings.patience { returnToBest(learnsOffsets: learnsOffsets) }
        }
        observe(
            .iteration(number: iteration, trainingLoss: trainingLoss, validationLoss: validationLoss, best: best.loss))
    }

    /// Makes the parameters the best ones if their validation loss is smaller. Nil where that was given up early, or the
    /// network broke down.
    private mutating func challenge() throws -> Double? {
        let isAbortable = student.savings.contains(.earlyAbort)
        // The worst of the best run first: they tell soonest that a challenger loses.
        let order =
            isAbortable ? best.losses.indices.sorted { best.losses[$0] > best.losses[$1] } : Array(best.losses.indices)
        let bound = isAbortable ? best.losses.reduce(0, +) : .infinity
        let ordered = try whereFinite {
            try student.losses(student.program(parameters), validation, at: order, abandoningAbove: bound)
        }
        guard let ordered = ordered ?? nil else {
            stepsWithoutGain += stepsSinceValidation
            return nil
        }
        var losses = ordered
        for (position, index) in order.enumerated() { losses[index] = ordered[position] }
        let challenger = Checkpoint(parameters: parameters, losses: losses)
        if challenger.loss < best.loss {
            best = challenger
            stepsWithoutGain = 0
        } else {
            stepsWithoutGain += stepsSinceValidation
        }
        return challenger.loss
    }

    private mutating func returnToBest(learnsOffsets: Bool) {
        parameters = best.parameters
        (stepsSinceValidation, stepsWithoutGain) = (0, 0)
        // A rate that begins below its floor stays.
        let decay = settings.decay
        func lowered(_ rate: Double, to floor: Double) -> Double { min(rate, max(decay * rate, floor)) }
        rmsprop.learningRate = lowered(rmsprop.learningRate, to: settings.smallestLearningRate)
        guard learnsOffsets else { return }
        sgd.learningRate = lowered(sgd.learningRate, to: settings.smallestOffsetLearningRate)
        if sgd.learningRate <= settings.smallestOffsetLearningRate { fallsAtSmallestRate += 1 }
    }

    // MARK: - Latents

    /// Moves the validation latents at the best parameters, so that the next round meets the best soft loss.
    private mutating func validationPass() throws {
        let program = try student.program(best.parameters)
        acceptedMoves = 0
        for indices in Array(0..<validation.count).chunks(of: student.batch) {
            let gradients = try student.gradients(best.parameters, validation, at: indices, ofLatents: true)
            guard let slopes = gradients.latents else { continue }
            let losses = try move(&validation, indices, along: slopes, from: gradients.losses, program)
            acceptedMoves += zip(losses, gradients.losses).count { $0 < $1 }
            for (position, index) in indices.enumerated() { best.losses[index] = losses[position] }
        }
    }

    /// Steps the latents of the pairs at `indices` down their own losses, back into the ball; where moves are tested, only
    /// those that this lowers under the same program. Returns the number of moves.
    private mutating func moveTrained(
        _ indices: [Int], along slopes: Tensor<Element>, from losses: [Double], _ parameters: [Double]
    ) throws -> Int {
        if settings.testsMoves {
            let program = try student.program(parameters)
            let after = try move(&train, indices, along: slopes, from: losses, program)
            return zip(after, losses).count { $0 < $1 }
        }
        let shares = indices.indices.map { row in
            let slope = slopes.samples(row..<row + 1)
            return min(1, 0.5 * losses[row] / max(latentStep * slope.dot(slope), .leastNormalMagnitude))
        }
        train.latents.scatter(moved(train, indices, along: slopes.scaled(bySample: shares)), to: indices)
        train.firstOutputs = nil
        return indices.count
    }

    /// Steps latents and keeps each that lowers its loss; none where the network breaks down on the way. Returns the losses
    /// after.
    private func move(
        _ set: inout FittingSet<Element>, _ indices: [Int], along slopes: Tensor<Element>, from losses: [Double],
        _ program: StepProgram<Double>
    ) throws -> [Double] {
        let moved = moved(set, indices, along: slopes)
        let solved = try whereFinite {
            try student.solve(program, set, indices, latents: moved, firstOutputs: nil)
        }
        guard let solved else {
            // One by one, so that what moves does not depend on the batch.
            guard indices.count > 1 else { return losses }
            return try indices.indices.map { row in
                try move(&set, [indices[row]], along: slopes.samples(row..<row + 1), from: [losses[row]], program)[0]
            }
        }
        let after = try set.loss.values(solved.results, pairs: indices)
        let accepted = indices.indices.filter { after[$0] < losses[$0] }
        let places = accepted.map { indices[$0] }
        set.latents.scatter(moved.gather(accepted), to: places)
        set.firstOutputs?.scatter(solved.firstOutputs.gather(accepted), to: places)
        return losses.indices.map { after[$0] < losses[$0] ? after[$0] : losses[$0] }
    }

    /// The latents at `indices`, each a step down its slope, and back in its ball.
    private func moved(
        _ set: FittingSet<Element>, _ indices: [Int], along slopes: Tensor<Element>
    ) -> Tensor<Element> {
        var moved = set.latents.gather(indices)
        moved.add(slopes, times: -latentStep)
        return settings.ball.project(moved, around: set.pairs.noise.gather(indices))
    }
}

/// What a trainer tells while it runs.
package enum LD3Event: Sendable {
    /// `validationLoss` is nil where the validation was skipped or given up early.
    case iteration(number: Int, trainingLoss: Double, validationLoss: Double?, best: Double)
    case round(number: Int, validationLoss: Double)
    /// Training ends early, since the network breaks down along the best parameters too.
    case end(NetworkBreakdown)
}
