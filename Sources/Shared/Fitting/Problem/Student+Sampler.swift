import Solvers
import Tensors

// LD3's student: its parameters are times, which a sampler runs along as well as a solver of ours.

extension Student where Family == TimesFamily {
    /// Returns what the student of these parameters runs along.
    package func course(_ parameters: [Double]) throws -> Course {
        guard solver.sampler != nil else { return .program(try program(parameters)) }
        return .times(family.course(parameters))
    }

    /// Returns losses with their gradients, as `gradients` does, of a solver or a sampler. The noises' gradients are nil if the
    /// sampler does not tell them.
    package func gradients(
        alongCourse parameters: [Double], _ set: FittingSet<Element>, at indices: [Int], ofNoises: Bool
    ) throws -> StudentGradients<Element>? {
        guard let sampler = solver.sampler else {
            return try gradients(parameters, set, at: indices, ofNoises: ofNoises)
        }
        var input = solver.samplerInput(set, indices, from: set.movedNoises.gather(indices))
        input.wantsNoiseCotangent = ofNoises
        let course = family.course(parameters)
        let found =
            switch sampler.gradient {
            case .pullback: try pulledBack(sampler, input, course, set, indices)
            case .differences: try differences(sampler, input, course, set, indices)
            }
        guard let found else { return nil }
        let slopes = family.chained(found.cotangents, at: parameters).map { $0 / Double(indices.count) }
        let gradients = StudentGradients(
            losses: found.losses, parameters: slopes, noises: ofNoises ? found.cotangents.noise : nil)
        return gradients.isFinite ? gradients : nil
    }

    private typealias CourseGradients = (losses: [Double], cotangents: SamplerCotangents<Element>)

    private func pulledBack(
        _ sampler: FitSampler<Element>, _ input: SamplerInput<Element>, _ course: TimeLists,
        _ set: FittingSet<Element>, _ indices: [Int]
    ) throws -> CourseGradients? {
        let linearization = try sampler.linearize(input, along: course)
        let loss = try set.loss.gradients(linearization.samples, pairs: indices)
        guard loss.values.allSatisfy(\.isFinite), loss.samples.firstNonFinite() == nil else { return nil }
        return (loss.values, try linearization.pullback(loss.samples))
    }

    /// Central differences of the summed loss: each inner time, and each inner model time, moves both ways by a thousandth of
    /// the smaller step beside it. Times that are tied move together.
    private func differences(
        _ sampler: FitSampler<Element>, _ input: SamplerInput<Element>, _ course: TimeLists,
        _ set: FittingSet<Element>, _ indices: [Int]
    ) throws -> CourseGradients? {
        let moves = (1..<max(course.steps, 1)).flatMap { index -> [(index: Int, ofModel: Bool, by: Double)] in
            let step =
                1e-3 * min(course.times[index - 1] - course.times[index], course.times[index] - course.times[index + 1])
            return [(index, false, step)] + (family.isTied ? [] : [(index, true, step)])
        }
        let moved = moves.flatMap { move in
            [move.by, -move.by].map { course.moved(move.index, move.ofModel, by: $0, isTied: family.isTied) }
        }
        let losses = try sampler.samples(input, along: [course] + moved).map {
            try set.loss.values($0, pairs: indices).map(infiniteIfNaN)
        }
        guard losses.joined().allSatisfy(\.isFinite) else { return nil }
        let sums = losses.map { $0.reduce(0, +) }
        var (times, modelTimes) = (course.times.map { _ in 0.0 }, course.times.map { _ in 0.0 })
        for (number, move) in moves.enumerated() {
            let slope = (sums[1 + 2 * number] - sums[2 + 2 * number]) / (2 * move.by)
            if move.ofModel { modelTimes[move.index] = slope } else { times[move.index] = slope }
        }
        return (losses[0], SamplerCotangents(noise: nil, times: times, modelTimes: modelTimes))
    }
}

extension TimesFamily {
    /// Returns the times and model times of parameters.
    package func course(_ parameters: [Double]) -> TimeLists {
        let lists = timeLists(parameters)
        return TimeLists(times: lists.times, modelTimes: lists.modelTimes)
    }

    /// Returns the gradient in the parameters of what has these gradients in the times and the model times.
    func chained<Element>(_ cotangents: SamplerCotangents<Element>, at parameters: [Double]) -> [Double] {
        let variables = parameters.enumerated().map { Dual.variable($1, index: $0, of: parameters.count) }
        let lists = timeLists(variables)
        var gradient = [Double](repeating: 0, count: parameters.count)
        for (time, cotangent) in zip(lists.times + lists.modelTimes, cotangents.times + cotangents.modelTimes) {
            for (variable, partial) in time.partials.enumerated() { gradient[variable] += cotangent * partial }
        }
        return gradient
    }
}

extension TimeLists {
    /// Returns these lists with one time, or one model time, moved; both if they are tied.
    fileprivate func moved(_ index: Int, _ ofModel: Bool, by step: Double, isTied: Bool) -> TimeLists {
        var moved = self
        if !ofModel { moved.times[index] += step }
        if ofModel || isTied { moved.modelTimes[index] += step }
        return moved
    }
}
