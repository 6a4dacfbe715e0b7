import Commands
import Diagnostics
import Diffusion
import Fitting
import Foreign
import Methods
import Models
import Options
import Schedules
import Solvers

// Fits that choose times alone: of samplers in another process, and of denoisers by differences.

extension Option {
    package static let gradient = Option.choice(
        "gradient", cases: FitSampler<Double>.Gradient.self,
        "pullback, or differences of losses, for a model without gradients; for methods that fit the times alone "
            + "[pullback; differences for a sampler that has none]")
}

extension FitRequest {
    /// Returns this request for a model that is a sampler, which has its own solver. Throws `usage` if it asks for something that
    /// only a denoiser has.
    package func fitting(_ stepper: ForeignStepper, on process: NoiseProcess) throws -> FitRequest {
        try arguments.refuse(
            ["solver", "order", "variant"], "cannot be chosen: the model is a sampler, which is its own solver")
        try requireSamplerMethod("the model is a sampler, which tells its samples alone")
        try arguments.refuse(["activations"], "are the sampler's own")
        try refuseUselessOptions(stepper)
        return try budgeted(on: process, solver: Solver(.foreign, order: stepper.stepper.evaluations))
    }

    private func refuseUselessOptions(_ stepper: ForeignStepper) throws {
        guard loss.name == .l2 || loss.name == .l1 else {
            throw Failure.option(
                "loss", "\(loss.name.rawValue) compares pictures of ours; a sampler takes l2, l1 or its own loss")
        }
        try arguments.refuse(["lpips-weights", "lpips-linear"], "is for a loss lpips, which a sampler does not take")
        if takesOwnLoss(of: stepper) {
            try arguments.refuse(
                ["compat-divisor"], "is for the losses l2 and l1, and the sampler has its own",
                suggestion: "\(spelled("loss")) l2 takes ours")
        }
        if !stepper.stepper.takesModelTimes {
            try arguments.refuse(
                ["window", "compat-window", "model-learning-rate", "model-learning-rate-floor"],
                "is about model times, which the sampler does not take")
        }
        if !savings.isSuperset(of: [.unusedEvaluation, .firstEvaluation]) {
            throw Failure.option("without-savings", "r1 and r2 are about evaluations, which the sampler makes itself")
        }
    }

    /// Returns the sampler whose own loss is to be taken: it has one, and no other is asked for.
    package func ownLoss(of model: Model) -> ForeignStepper? {
        model.stepper.flatMap { takesOwnLoss(of: $0) ? $0 : nil }
    }

    private func takesOwnLoss(of stepper: ForeignStepper) -> Bool { stepper.hasLoss && !arguments.isGiven("loss") }

    private func requireSamplerMethod(_ reason: String) throws {
        guard !type(of: method).fitsSamplers else { return }
        throw Failure(
            .usage, place: type(of: method).request, "cannot be used: \(reason)",
            suggestion:
                "instead, \(spelled("method")) ld3 learns times and model times, and heuristic chooses a known grid")
    }

    /// Returns the way to the gradients, or nil if they are the denoiser's own. Throws `usage` if there is none.
    package func gradient(of model: Model) throws -> FitSampler<Double>.Gradient? {
        let asked =
            arguments.isGiven("gradient")
            ? try arguments.choice("gradient", FitSampler<Double>.Gradient.self) : nil
        let hasPullback = model.stepper?.hasPullback ?? model.denoiser.hasPullback
        if asked == nil, model.stepper == nil, !type(of: method).differentiates { return nil }
        if asked == .pullback || (asked == nil && model.stepper == nil) {
            guard hasPullback else {
                throw Failure(
                    .usage, place: "model",
                    "\(model.name) gives no gradients: its `model` frame says ld3.pullback false",
                    suggestion: "\(spelled("gradient")) differences goes without")
            }
        }
        let gradient = asked ?? (hasPullback ? .pullback : .differences)
        if gradient == .differences {
            try requireSamplerMethod("\(spelled("gradient")) differences tells slopes in the times alone")
            try arguments.refuse(
                ["radius", "soft-validation", "latent-step", "latent-decay"],
                "moves noises along their gradients, which differences do not give")
            try arguments.refuse(
                ["activations"], "are kept for gradients of the network, which differences do not take")
        }
        if model.stepper == nil, gradient == .pullback { return nil }
        if type(of: method).differentiates {
            arguments.reporter.note(
                gradient == .pullback
                    ? "gradients are the sampler's own (ld3.pullback)"
                    : "gradients are differences of losses" + (hasPullback ? "" : ": \(model.name) has no pullback"))
        }
        return gradient
    }
}
