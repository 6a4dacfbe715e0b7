import Fitting
import Methods

extension FitMethod {
    /// Fits without an observer.
    func fit(_ problem: FitProblem<Double>) throws -> Fit { try fit(problem) { _ in } }
}
