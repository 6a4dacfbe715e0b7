import Diagnostics
import Diffusion
import Fitting
import Solvers
import Tensors

/// Algorithm 1 of the paper: learns the times of a solver, and the model times, from a teacher's pairs.
///
/// It differs from the official trainer in three points (docs/methods/ld3.md, "Deviations"). Gradients are exact. A tested
/// move compares losses at the same parameters. Validation noises move at the best parameters, whose loss is then computed
/// again on the moved noises.
package struct LD3Trainer<Element: TensorElement> {
    package let student: Student<Element, TimesFamily>
    package let settings: LD3Settings
    package private(set) var train: FittingSet<Element>
    package private(set) var validation: FittingSet<Element>
    package private(set) var best: Champion

    private let initial: [Double]
    private var parameters: [Double]
    private var rmsprop: RMSprop
    private var sgd: SGD
    private var patience: Patience
    private var noiseMoves: NoiseMoves<Element>
    private var generator: SplitMix
    private var stepNumber = 0
    private var hasToldThatNoisesStay = false
    private let observe: (FitEvent) -> Void

    /// One pass over the training pairs.
    private struct Pass {
        var learnsModelTimes: Bool
        var movesNoises: Bool
    }

    /// - Parameters:
    ///   - initialLosses: those of all validation pairs at `initial` and the set's moved noises, if they are known.
    ///   - observe: told of every training step and pass.
    package init(
        student: Student<Element, TimesFamily>, settings: LD3Settings, initial: [Double], train: FittingSet<Element>,
        validation: FittingSet<Element>, initialLosses: [Double]? = nil,
        observe: @escaping (FitEvent) -> Void = { _ in }
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
        sgd = SGD(learningRate: settings.modelLearningRate)
        patience = Patience(settings)
        noiseMoves = NoiseMoves(settings, student.solver)
        generator = SplitMix(seed: settings.seed)
        best = Champion(parameters: initial, losses: [])
        let course = try student.course(initial)
        self.train.firstOutputs = try train.firstOutputs ?? student.solver.firstOutputs(train, along: course)
        self.validation.firstOutputs =
            try validation.firstOutputs ?? student.solver.firstOutputs(validation, along: course)
        best.losses = try initialLosses ?? student.solver.losses(course, self.validation) ?? []
    }

    /// Runs all passes and returns the parameters of least validation loss.
    package mutating func run() throws -> Champion {
        let movesNoises = !(settings.isHard && student.solver.resources.savings.contains(.hardNoises))
        for number in 0..<settings.passes {
            parameters = best.parameters
            if !student.solver.resources.savings.contains(.knownLosses) {
                best.losses = try student.solver.losses(student.course(best.parameters), validation) ?? []
            }
            // After the last pass nothing is trained, or chosen, on noises that have moved.
            let pass = Pass(
                learnsModelTimes: number >= settings.timePasses && !student.family.isTied,
                movesNoises: movesNoises && number < settings.passes - 1)
            noiseMoves.begin()
            guard try train(pass) else { break }
            if pass.movesNoises, settings.movesValidationNoises { try moveValidationNoises() }
            noiseMoves.end()
            observe(.pass(number: number + 1, validationLoss: best.loss))
        }
        return best
    }

    /// One pass of Algorithm 1's loop. Returns false if the learning rates are exhausted, or if there is no way on.
    private mutating func train(_ pass: Pass) throws -> Bool {
        let batches = generator.permutation(train.count).chunks(of: settings.batch)
        for (number, batch) in batches.enumerated() {
            // Lines 3 and 4: draw a batch, solve it from its moved noises, take the losses with their gradients.
            guard let gradients = try gradients(batch, pass) else { return false }
            let solvedAt = parameters
            // Line 5: step the parameters.
            step(along: gradients.parameters, pass)
            try validate(
                trainingLoss: gradients.losses.reduce(0, +) / Double(batch.count), pass,
                isLast: number == batches.count - 1)
            if patience.isExhausted { return false }
            // Lines 5 to 7: step the noises, project them into their balls, keep them with their pairs.
            if pass.movesNoises, gradients.noises == nil { tellThatNoisesStay() }
            if let slopes = gradients.noises {
                let student = student
                try noiseMoves.moveTraining(&train, batch, along: slopes, from: gradients.losses) {
                    try student.course(solvedAt)
                }
            }
        }
        return true
    }

    private mutating func tellThatNoisesStay() {
        guard !hasToldThatNoisesStay else { return }
        hasToldThatNoisesStay = true
        observe(.noisesStay)
    }

    private mutating func step(along gradient: [Double], _ pass: Pass) {
        let count = student.family.parameterization.steps + 1
        var xi = Array(parameters.prefix(count))
        var shifts = Array(parameters.dropFirst(count))
        rmsprop.step(&xi, gradient: clipped(Array(gradient.prefix(count)), to: settings.gradientLimit))
        if pass.learnsModelTimes {
            sgd.step(&shifts, gradient: clipped(Array(gradient.dropFirst(count)), to: settings.gradientLimit))
        }
        parameters = xi + shifts
    }

    /// Compares the parameters with the best so far whenever that is due. After too many steps without a gain the best
    /// parameters return.
    private mutating func validate(trainingLoss: Double, _ pass: Pass, isLast: Bool) throws {
        stepNumber += 1
        var validationLoss: Double?
        if patience.stepped(isLastOfPass: isLast) {
            let challenge = try best.challenge(by: parameters, student, on: validation)
            validationLoss = challenge.loss
            if patience.validated(isGain: challenge.wins) { returnToBest(pass) }
        }
        observe(
            .step(
                TrainingStep(
                    number: stepNumber, trainingLoss: trainingLoss, validationLoss: validationLoss, best: best.loss)))
    }

    /// Puts the best parameters back and lowers the learning rates.
    private mutating func returnToBest(_ pass: Pass) {
        parameters = best.parameters
        // A rate that begins below its floor stays.
        let decay = settings.decay
        func lowered(_ rate: Double, to floor: Double) -> Double { min(rate, max(decay * rate, floor)) }
        rmsprop.learningRate = lowered(rmsprop.learningRate, to: settings.smallestLearningRate)
        if pass.learnsModelTimes {
            sgd.learningRate = lowered(sgd.learningRate, to: settings.smallestModelLearningRate)
        }
        patience.returned(
            atSmallestRate: pass.learnsModelTimes && sgd.learningRate <= settings.smallestModelLearningRate)
    }

    /// Returns the losses and gradients of a batch at the parameters.
    ///
    /// If the network breaks down there, the batch's moved noises go back to their places; if it still does, the best
    /// parameters return. If it does so even then, this returns nil, or throws the breakdown if no training step has
    /// gained yet.
    private mutating func gradients(_ batch: [Int], _ pass: Pass) throws -> StudentGradients<Element>? {
        func gradients() throws -> StudentGradients<Element>? {
            try student.gradients(parameters, train, at: batch, ofNoises: pass.movesNoises)
        }
        if let found = try unlessBroken(gradients) ?? nil { return found }
        if train.putBack(batch), let found = try unlessBroken(gradients) ?? nil { return found }
        if parameters != best.parameters {
            returnToBest(pass)
            rmsprop.forget()
        }
        let reason: any Error
        do {
            if let found = try gradients() { return found }
            let seeds = batch.map { "\(train.pairs.seeds[$0])" }.joined(separator: ", ")
            reason = Failure(.data, place: "seeds \(seeds)", "the loss or its gradient has NaN or infinity")
        } catch let breakdown as any Breakdown {
            reason = breakdown
        }
        guard best.parameters != initial else { throw reason }
        observe(.end(reason: "\(reason)"))
        return nil
    }

    /// Moves the validation noises at the best parameters, so that the next pass meets the best soft loss.
    private mutating func moveValidationNoises() throws {
        let course = try student.course(best.parameters)
        noiseMoves.begin()
        for indices in Array(0..<validation.count).chunks(of: student.solver.resources.batch) {
            let found = try unlessBroken {
                try student.gradients(best.parameters, validation, at: indices, ofNoises: true)
            }
            guard let gradients = found ?? nil, let slopes = gradients.noises else { continue }
            let losses = try noiseMoves.moveTested(
                &validation, indices, along: slopes, from: gradients.losses, course)
            for (position, index) in indices.enumerated() { best.losses[index] = losses[position] }
        }
    }
}
