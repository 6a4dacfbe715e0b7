import Commands
import Diagnostics
import Diffusion
import Fitting
import Schedules
import Solvers

/// --method
enum FitMethod: String, CaseIterable {
    case ld3
    case heuristic
    case dmn
    case gits
    case ays
    case dODE = "d-ode"
    case ggdm

    static let help =
        "ld3; heuristic: the discretization of least validation loss; or the published dmn, gits, ays, d-ode, ggdm"
}

/// --format
enum FitFormat: String, CaseIterable {
    case stream
    case json
    case text
}

extension OptionGroup {
    static let training = OptionGroup(
        "training (defaults: the paper's for the resolution and the NFE)",
        [
            .value("rounds", "A,B", "passes that train the times, then passes that train the model times too [2,5]"),
            .value("train-batch", "N", "pairs of a training step [2]"),
            .value("learning-rate", "X", "of the times' logits [0.005]"),
            .value("learning-rate-floor", "X", "its least value [5e-5]"),
            .value("model-learning-rate", "X", "of the model times [0.1/NFE]"),
            .value("model-learning-rate-floor", "X", "its least value [1e-6]"),
            .value("momentum", "X", "of RMSprop [0.9]"),
            .value("gradient-limit", "X", "longer gradients are scaled down to this norm [1]"),
            .value("patience", "N", "training steps without a gain before the rates fall [5]"),
            .value("decay", "X", "what they fall by [0.8]"),
            .value("window", "X", "share of the smallest step that a model time may move [0.5]"),
            .value("radius", "X", "of the ball in which a noise may move [0.001 d/NFE^2]"),
            .value("latent-step", "X", "of a noise along its own loss' gradient [6/NFE; --latent: 12/NFE]"),
            .value(
                "latent-decay", "X",
                "of that step when no tested move of a pass gains [0.5]"),
            .value("validate-every", "N", "training steps between validations; 1 is the paper's [a pass]"),
            .flag("soft-validation", "validation noises move too, and moves are tested, as the paper's"),
            .value("polish", "N", "Gauss-Newton steps on the hard loss at the end, at most; 0 is the paper's [4]"),
            .value("mode", "NAME", "variable of the softmax, lambda or time [lambda on EDM's process, else time]"),
            .value("seed", "N", default: "0", "of the order of the pairs"),
            .flag("latent", "a latent model: the paper's smaller rates, batch 1, rounds 2,3"),
            .flag("compat-window", "the window of the model times as the official code takes it"),
            .value("lpips-weights", "FILE", "torchvision's VGG16, AlexNet or SqueezeNet, for --loss lpips"),
            .value("lpips-linear", "FILE", "LPIPS' weights of its channels, for --loss lpips"),
            .flag("compat-divisor", "losses divided by the latent's size, as the official code does"),
        ])

    static let gaussNewton = OptionGroup(
        "Gauss-Newton (--learn)",
        [
            .value("iterations", "N", default: "15", "of each fit, at most"),
            .value("starts", "N", default: "3", "fitted first on few pairs; 2 along budgets or with --start"),
            .value("refit", "N", default: "5", "further iterations that train on the validation pairs too; 0 is none"),
            .value("ridge", "X", default: "1e-2", "weight of the squared moves of coefficients, in initial losses"),
            .flag("sum-rule", "coefficients that treat a constant output as the solver does"),
            .flag("own-coefficients", "begin with the solver's own coefficients, not another solver's"),
            .value("curvature-pairs", "N", default: "10", "pairs that give the curvature"),
        ])

    static let savings = OptionGroup(
        "work saved; changes no number",
        [
            Option.value(
                "activations", "NAME", default: "auto", "keep, recompute, or auto: by the memory at hand"
            ).withoutEffectOnNumbers(),
            Option.value("without-savings", "LIST", "do the work of r1, r2, r3, r4, r6 of METHODS M5.12 all the same")
                .withoutEffectOnNumbers(),
        ])
}

extension Arguments {
    /// The hyper-parameters of LD3: the paper's, with what was given in their place.
    func ld3Settings(dimension: Int, evaluations: Int) throws -> LD3Settings {
        var settings = LD3Settings(dimension: dimension, evaluations: evaluations, isLatent: flag("latent"))
        func replace(_ name: String, _ value: inout Double, in range: ClosedRange<Double> = 0...1e9) throws {
            if let given = try doubleIfGiven(name, in: range) { value = given }
        }
        func replace(_ name: String, _ value: inout Int) throws {
            if let given = try integerIfGiven(name, in: 1...1 << 30) { value = given }
        }
        if let rounds = try rounds() { (settings.timeRounds, settings.allRounds) = rounds }
        try replace("train-batch", &settings.batch)
        try replace("learning-rate", &settings.learningRate)
        try replace("learning-rate-floor", &settings.smallestLearningRate)
        try replace("model-learning-rate", &settings.offsetLearningRate)
        try replace("model-learning-rate-floor", &settings.smallestOffsetLearningRate)
        try replace("momentum", &settings.momentum, in: 0...1)
        try replace("gradient-limit", &settings.gradientLimit)
        try replace("patience", &settings.patience)
        try replace("decay", &settings.decay, in: 0...1)
        try replace("radius", &settings.ball.radius)
        try replace("latent-step", &settings.latentStep)
        try replace("latent-decay", &settings.latentDecay, in: 0...1)
        if let interval = try integerIfGiven("validate-every", in: 1...1 << 30) {
            settings.validationInterval = interval
        }
        settings.movesValidationLatents = flag("soft-validation")
        settings.testsMoves = flag("soft-validation")
        if let polish = try integerIfGiven("polish", in: 0...10_000) { settings.polish = polish }
        if flag("hard") { settings.ball.radius = 0 }
        settings.seed = UInt64(try integer("seed", in: 0...Int.max))
        return settings
    }

    private func rounds() throws -> (Int, Int)? {
        guard let text = stringIfGiven("rounds") else { return nil }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let first = parts[0], let second = parts[1],
            [first, second].allSatisfy({ (0...1 << 20).contains($0) })
        else {
            throw Failure(.usage, place: "--rounds", "`\(text)` is not A,B such as 2,5")
        }
        return (first, second)
    }

    func gaussNewtonSettings() throws -> LevenbergMarquardtSettings {
        var settings = LevenbergMarquardtSettings()
        settings.iterations = try integer("iterations", in: 1...10_000)
        settings.starts = try integer("starts", in: 0...100)
        settings.refitIterations = try integer("refit", in: 0...10_000)
        settings.ridge = try double("ridge", in: 0...1e9)
        settings.curvaturePairs = try integer("curvature-pairs", in: 1...1 << 30)
        return settings
    }

    /// --learn; nil where it is not given.
    func learnedParts() throws -> LearnedParts? {
        let parts = try stringIfGiven("learn").map(parts)
        let isGGDM = try choice("method") as FitMethod == .ggdm
        let learns = parts?.contains(.coefficients) ?? isGGDM
        if isGGDM, flag("own-coefficients") {
            throw Failure(.usage, place: "--own-coefficients", "is what --method ggdm does anyway")
        }
        for option in ["sum-rule", "own-coefficients"] where flag(option) && !learns {
            throw Failure(
                .usage, place: "--\(option)", "is about coefficients of --learn, and none are learned",
                suggestion: "add --learn times,model-times,coefficients")
        }
        return parts
    }

    private func parts(_ text: String) throws -> LearnedParts {
        let known: [String: LearnedParts] = [
            "times": .times, "model-times": .modelTimes, "coefficients": .coefficients,
        ]
        var parts: LearnedParts = []
        for word in text.split(separator: ",").map(String.init) {
            guard let part = known[word] else {
                throw Failure(place: "--learn", unknown: word, choices: known.keys.sorted())
            }
            parts.insert(part)
        }
        guard !parts.isEmpty else { throw Failure(.usage, place: "--learn", "names nothing to learn") }
        return parts
    }

    /// Whether the fit trains model times of the schedule's own, and coefficients.
    func fitKind() throws -> (modelTimes: Bool, coefficients: Bool) {
        let method: FitMethod = try choice("method")
        let isTied = try flag("tied") || doubleIfGiven("window", in: 0...0.5) == 0
        if let parts = try learnedParts() ?? (method == .ggdm ? [.times, .modelTimes, .coefficients] : nil) {
            return (parts.contains(.modelTimes) && !isTied, parts.contains(.coefficients))
        }
        guard method == .ld3 else { return (false, method == .dODE) }
        // Neither rounds nor polish depend on the dimension and the NFE.
        let settings = try ld3Settings(dimension: 1, evaluations: 1)
        return (!isTied && (settings.allRounds > 0 || settings.polish > 0), false)
    }

    /// --heuristics; nil where it is not given.
    func heuristics() throws -> [Discretization]? {
        guard let text = stringIfGiven("heuristics") else { return nil }
        let words = text.split(separator: ",")
        guard !words.isEmpty else { throw Failure(.usage, place: "--heuristics", "names no discretization") }
        return try words.map(String.init).map { word in
            guard let discretization = try locating("--heuristics", { try Discretization(spelling: word) }) else {
                throw Failure(place: "--heuristics", unknown: word, choices: Discretization.spellings)
            }
            return discretization
        }
    }

    /// The savings less those of --without-savings.
    func savings() throws -> WorkSavings {
        var savings = WorkSavings.all
        for word in (stringIfGiven("without-savings") ?? "").split(separator: ",") {
            guard let named = WorkSavings.named.first(where: { $0.name == word.lowercased() }) else {
                throw Failure(place: "--without-savings", unknown: String(word), choices: WorkSavings.named.map(\.name))
            }
            savings.remove(named.saving)
        }
        return savings
    }

    /// --activations
    func activationPolicy<Element>(
        _ denoiser: some Denoiser<Element>, at time: Double, given condition: Condition
    ) throws -> ActivationPolicy {
        switch try choice("activations", among: ["auto", "keep", "recompute"]) {
        case "keep": return .keep
        case "recompute": return .recompute
        default:
            let evaluations = try plans().map { $0.solver.evaluations(steps: $0.steps) }.max() ?? 1
            // The largest batch that is differentiated at once.
            let isGGDM = try choice("method", FitMethod.self) == .ggdm
            let batch = max(
                16, isGGDM ? try ggdmSettings().batch : try integerIfGiven("train-batch", in: 1...1 << 30) ?? 2)
            return try .fitting(denoiser, at: time, given: condition, batch: batch, evaluations: evaluations)
        }
    }

    /// The solvers with their steps, one for each budget of --nfe, or the one of --steps.
    func plans() throws -> [(solver: Solver, steps: Int)] {
        let solver = try Solver(
            name: stringIfGiven("solver") ?? "ipndm", order: try integerIfGiven("order", in: 1...10),
            variant: stringIfGiven("variant"))
        if isGiven("steps") {
            guard !isGiven("nfe") else {
                throw Failure(.usage, place: "--steps", "cannot be given together with --nfe")
            }
            return [(solver, try integer("steps", in: 1...1000))]
        }
        // Two evaluations a step give neighbouring budgets the same plan.
        var plans: [(solver: Solver, steps: Int)] = []
        for plan in try budgets().map({ try solver.plan(evaluations: $0) }) where plans.last.map({ $0 != plan }) ?? true
        {
            plans.append(plan)
        }
        return plans
    }

    private func budgets() throws -> [Int] {
        let text = try string("nfe")
        var budgets: [Int] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = word.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first >= 1, first <= last,
                last <= 1000
            else { throw Failure(.usage, place: "--nfe", "`\(text)` is not a list such as 5, 4-10 or 4,6,8") }
            budgets += first...last
        }
        return Array(Set(budgets)).sorted()
    }
}
