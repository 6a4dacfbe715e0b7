import Solvers
import Tensors

// A student that is a sampler: its parameters are times, and the steps are the sampler's own.

extension Student {
    /// Returns what `linearized` does of a solver.
    func linearized(
        _ sampler: FitSampler<Element>, _ parameters: [Double], _ set: FittingSet<Element>, at indices: [Int],
        ofNoises: Bool
    ) throws -> (losses: [Double], pullback: () throws -> StudentGradients<Element>?) {
        var input = solver.samplerInput(set, indices, from: set.movedNoises.gather(indices))
        input.wantsNoiseCotangent = ofNoises
        let (losses, pullback) =
            switch sampler.gradient {
            case .pullback: try pulledBack(sampler, input, parameters, set, indices)
            case .differences: try differences(sampler, input, parameters, set, indices)
            }
        return (
            losses,
            {
                guard let found = try pullback() else { return nil }
                let slopes = try chained(found, at: parameters).map { $0 / Double(indices.count) }
                let gradients = StudentGradients(
                    losses: losses, parameters: slopes, noises: ofNoises ? found.noise : nil)
                return gradients.isFinite ? gradients : nil
            }
        )
    }

    /// Losses of the pairs, and a closure that computes the gradients of their sum.
    private typealias CourseGradients = (losses: [Double], pullback: () throws -> SamplerCotangents<Element>?)

    private func pulledBack(
        _ sampler: FitSampler<Element>, _ input: SamplerInput<Element>, _ parameters: [Double],
        _ set: FittingSet<Element>, _ indices: [Int]
    ) throws -> CourseGradients {
        let course = try timesFamily.course(parameters)
        guard course.falls else { return (indices.map { _ in .infinity }, { nil }) }
        let linearization = try sampler.linearize(input, along: course)
        let loss = try set.loss.gradients(linearization.samples, pairs: indices)
        return (
            loss.values.map(infiniteIfNaN),
            {
                guard loss.values.allSatisfy(\.isFinite), loss.samples.firstNonFinite() == nil else { return nil }
                return try linearization.pullback(loss.samples)
            }
        )
    }

    /// All solves are made at once, since they share steps.
    private func differences(
        _ sampler: FitSampler<Element>, _ input: SamplerInput<Element>, _ parameters: [Double],
        _ set: FittingSet<Element>, _ indices: [Int]
    ) throws -> CourseGradients {
        let course = try timesFamily.course(parameters)
        let differences = try course.differences(isTied: timesFamily.isTied)
        let losses = try losses(sampler, input, along: [course] + differences.flatMap(\.courses), set, indices)
        return (
            losses[0],
            {
                guard losses.joined().allSatisfy(\.isFinite) else { return nil }
                let sums = losses.map { $0.reduce(0, +) }
                var (times, modelTimes) = (course.times.map { _ in 0.0 }, course.times.map { _ in 0.0 })
                for (number, difference) in differences.enumerated() {
                    let slope = difference.slope(sums[1 + 2 * number], sums[2 + 2 * number])
                    if difference.ofModel {
                        modelTimes[difference.index] = slope
                    } else {
                        times[difference.index] = slope
                    }
                }
                return SamplerCotangents(noise: nil, times: times, modelTimes: modelTimes)
            }
        )
    }

    /// Returns the Jacobian of the roots of the pairs' losses, [B, 1] for each parameter, by differences: whatever a loss
    /// is, it is the square of its root, and so a sum of squares for Gauss-Newton.
    func jacobian(
        _ sampler: FitSampler<Element>, _ parameters: [Double], _ set: FittingSet<Element>, at indices: [Int],
        free: [Int]
    ) throws -> Jacobian<Element> {
        let input = solver.samplerInput(set, indices, from: set.movedNoises.gather(indices))
        let course = try timesFamily.course(parameters)
        let differences = try course.differences(isTied: timesFamily.isTied)
        let roots = try losses(sampler, input, along: [course] + differences.flatMap(\.courses), set, indices)
            .map { $0.map { $0.squareRoot() } }
        let lists = try differentiatedLists(parameters)
        var columns = free.map { _ in [Double](repeating: 0, count: indices.count) }
        for (number, difference) in differences.enumerated() {
            let time = (difference.ofModel ? lists.modelTimes : lists.times)[difference.index]
            for row in indices.indices {
                let slope = difference.slope(roots[1 + 2 * number][row], roots[2 + 2 * number][row])
                for (column, parameter) in free.enumerated() { columns[column][row] += slope * time.partial(parameter) }
            }
        }
        return Jacobian(columns: columns.map { Tensor(shape: [indices.count, 1], elements: $0.map { Element($0) }) })
    }

    /// Returns the losses along each course; infinities if the times of one do not fall, as none may that a sampler runs
    /// along.
    private func losses(
        _ sampler: FitSampler<Element>, _ input: SamplerInput<Element>, along courses: [TimeLists],
        _ set: FittingSet<Element>, _ indices: [Int]
    ) throws -> [[Double]] {
        guard courses.allSatisfy(\.falls) else { return courses.map { _ in indices.map { _ in .infinity } } }
        return try sampler.samples(input, along: courses).map {
            try set.loss.values($0, pairs: indices).map(infiniteIfNaN)
        }
    }

    /// Returns the gradient in the parameters of what has these gradients in the times and the model times.
    private func chained(_ cotangents: SamplerCotangents<Element>, at parameters: [Double]) throws -> [Double] {
        let lists = try differentiatedLists(parameters)
        var gradient = [Double](repeating: 0, count: parameters.count)
        for (time, cotangent) in zip(lists.times + lists.modelTimes, cotangents.times + cotangents.modelTimes) {
            for (variable, partial) in time.partials.enumerated() { gradient[variable] += cotangent * partial }
        }
        return gradient
    }

    /// The times and model times with their derivatives in every parameter.
    private func differentiatedLists(_ parameters: [Double]) throws -> (times: [Dual], modelTimes: [Dual]) {
        try timesFamily.timeLists(
            parameters.enumerated().map { Dual.variable($1, index: $0, of: parameters.count) })
    }
}
