import Diagnostics
import Models
import Schedules
import Tensors

/// Samples of the first validation pairs, for people to look at: pictures [P, 1 or 3, H, W] or clouds [P, N, 3].
package struct FitSamples: Sendable {
    package let seeds: [Int64]
    /// The name of the usual schedule.
    package let usual: String
    package let alongUsual: Tensor<Float>
    package let alongFound: Tensor<Float>
    package let teacher: Tensor<Float>
}

extension FitProblem {
    /// Returns samples for people to look at, nil if `count` is nil. If they cannot be made, warns and returns nil, so that
    /// the fit is kept.
    package func samples(of fit: Fit, count: Int?, model: Model, reporter: Reporter) -> FitSamples? {
        guard let count else { return nil }
        do {
            if let samples = try samples(of: fit, count: count, model: model) { return samples }
            reporter.warn("the page shows no samples, since no start was rated")
        } catch {
            reporter.warn("the page shows no samples: \(error)")
        }
        return nil
    }

    /// Returns samples of the first `count` validation pairs, from their own noises. The usual schedule is the best of the
    /// named grids that were rated. Nil if no start was rated.
    private func samples(of fit: Fit, count: Int, model: Model) throws -> FitSamples? {
        let names = starts.heuristics.map(\.spelling)
        guard let usual = fit.starts.first(where: { names.contains($0.start.name) }) ?? fit.starts.first else {
            return nil
        }
        let set = validation.prefix(count).hard
        func pictures(_ solutions: Tensor<Element>) throws -> Tensor<Float> {
            try model.pictures(solutions.converted(), seeds: set.pairs.seeds)
        }
        func results(_ course: Course) throws -> Tensor<Element> {
            Tensor.concatenate(
                try Array(0..<set.count).chunks(of: resources.batch).map { try pairSolver.results(course, set, $0) })
        }
        return FitSamples(
            seeds: set.pairs.seeds, usual: usual.start.name, alongUsual: try pictures(results(course(usual.start))),
            alongFound: try pictures(results(course(fit.schedule))), teacher: try pictures(set.pairs.targets))
    }
}
