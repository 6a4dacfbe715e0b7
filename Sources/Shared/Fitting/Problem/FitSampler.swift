import Diffusion
import Solvers
import Tensors

/// A sampler that is fitted as a whole, such as one in another process, and the way to its gradients.
package struct FitSampler<Element: TensorElement>: Sendable {
    /// The way to the gradients of a sampler.
    package enum Gradient: String, Sendable, CaseIterable {
        /// The sampler's own.
        case pullback
        /// Central differences in the times and the model times.
        case differences
    }

    package let sampler: any Sampler<Element>
    package let gradient: Gradient
    /// Whether a step is told a model time besides its times.
    package let takesModelTimes: Bool
    /// The network evaluations of one step.
    package let evaluations: Int
    package let counter: EvaluationCounter

    package init(
        _ sampler: any Sampler<Element>, gradient: Gradient, takesModelTimes: Bool, evaluations: Int,
        counter: EvaluationCounter
    ) {
        self.sampler = sampler
        self.gradient = gradient
        self.takesModelTimes = takesModelTimes
        self.evaluations = evaluations
        self.counter = counter
    }

    /// Returns the samples along `course`, [B, target shape].
    func sample(_ input: SamplerInput<Element>, along course: TimeLists) throws -> Tensor<Element> {
        counter.add(forwards: input.count * course.steps * evaluations)
        return try sampler.sample(input, times: course.times, modelTimes: course.modelTimes)
    }

    /// Returns the samples along each course, whose first steps may be those of the first.
    func samples(_ input: SamplerInput<Element>, along courses: [TimeLists]) throws -> [Tensor<Element>] {
        let steps = courses.dropFirst().reduce(courses[0].steps) { $0 + $1.steps - $1.sharedSteps(with: courses[0]) }
        counter.add(forwards: input.count * steps * evaluations)
        return try sampler.samples(input, along: courses)
    }

    /// Returns the samples, and a closure that pulls a cotangent of them back.
    func linearize(
        _ input: SamplerInput<Element>, along course: TimeLists
    ) throws -> SamplerLinearization<Element> {
        let work = input.count * course.steps * evaluations
        counter.add(forwards: work)
        let linearization = try sampler.linearize(input, times: course.times, modelTimes: course.modelTimes)
        return SamplerLinearization(samples: linearization.samples) { cotangent in
            // The sampler keeps its states and takes each step again.
            counter.add(forwards: work, pullbacks: work)
            return try linearization.pullback(cotangent)
        }
    }
}

/// A way from noises to results: a step program with the problem's denoiser, or the times of its sampler.
package enum Course: Sendable {
    case program(StepProgram<Double>)
    case times(TimeLists)
}
