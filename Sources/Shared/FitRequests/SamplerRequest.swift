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

// Fits of which only the times can be chosen: of samplers in another process, and of denoisers by differences.

extension Option {
    package static let gradient = Option.choice(
        "gradient", cases: FitSampler<Double>.Gradient.self,
        "pullback, or differences of losses, for a model without gradients; for methods that fit the times alone "
            + "[pullback; differences for a sampler that has none]")
}

extension FitRequest {
    /// Returns this request for a model that is a sampler, which has its own solver. Throws `usage` if it asks for something that
    /// only a denoiser has.
    package func fitting(_ stepper: ForeignStepper) throws -> FitRequest {
        if let name = ["solver", "order", "variant"].first(where: arguments.isGiven) {
            throw Failure.option(name, "cannot be chosen: the model is a sampler, which is its own solver")
        }
        try requireSamplerMethod("the model is a sampler, of which only the times can be chosen")
        if arguments.isGiven("activations") {
            throw Failure.option("activations", "are the sampler's own")
        }
        if let export, export.format.needsNoiseLevels, !stepper.process.hasNoiseLevels {
            throw Failure.option(
                "export", "\(export.format.rawValue) lists noise levels, which the sampler keeps to itself",
                suggestion: "export json or npy")
        }
        var request = self
        request.budgets = try Self.budgets(
            arguments, solver: Solver(.foreign, order: stepper.stepper.evaluations))
        return request
    }

    /// Returns the sampler whose own loss is to be taken: it has one, and no other is asked for.
    package func ownLoss(of model: Model) -> ForeignStepper? {
        guard let stepper = model.stepper, stepper.hasLoss, !arguments.isGiven("loss") else { return nil }
        return stepper
    }

    private func requireSamplerMethod(_ reason: String) throws {
        let method = type(of: method)
        guard !method.fitsSamplers else {
            if let steps = arguments.integerIfGiven("polish"), steps > 0 {
                throw Failure.option("polish", "needs the solver's coefficients: \(reason)")
            }
            return
        }
        throw Failure.option(
            arguments.isGiven("learn") ? "learn" : "method", "cannot be used: \(reason)",
            suggestion: "\(spelled("method")) ld3 or heuristic")
    }

    /// Returns the way to the gradients, or nil if they are the denoiser's own. Throws `usage` if there is none.
    package func gradient(of model: Model) throws -> FitSampler<Double>.Gradient? {
        let asked =
            arguments.isGiven("gradient")
            ? try arguments.choice("gradient", FitSampler<Double>.Gradient.self) : nil
        let hasPullback = model.stepper?.hasPullback ?? model.denoiser.hasPullback
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
            try requireSamplerMethod("it has gradients of its own, not differences")
            if let name = ["radius", "soft-validation"].first(where: arguments.isGiven) {
                throw Failure.option(name, "moves noises along their gradients, which differences do not give")
            }
        }
        if model.stepper == nil, gradient == .pullback { return nil }
        if method is LD3 {
            arguments.reporter.note(
                gradient == .pullback
                    ? "gradients are the sampler's own (ld3.pullback)"
                    : "gradients are differences of losses" + (hasPullback ? "" : ": \(model.name) has no pullback"))
        }
        return gradient
    }
}
