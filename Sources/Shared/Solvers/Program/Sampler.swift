import Diffusion
import Tensors

/// Turns noises into samples along given times. LD3 learns these times through its gradients.
///
/// A solver with a denoiser conforms, and so does a sampler in another process that owns its state.
package protocol Sampler<Element>: Sendable {
    associatedtype Element: TensorElement

    /// Returns the samples [B, target shape].
    ///
    /// - Parameters:
    ///   - times: t_0 ... t_N, falling.
    ///   - modelTimes: the times that the network is told, as many.
    ///
    /// Throws `NetworkBreakdown` if a network returns NaN or infinity.
    func sample(_ input: SamplerInput<Element>, times: [Double], modelTimes: [Double]) throws -> Tensor<Element>

    /// Returns the samples along each of several lists of times, which may share steps with the first.
    func samples(_ input: SamplerInput<Element>, along courses: [TimeLists]) throws -> [Tensor<Element>]

    /// Returns the samples, and a closure that pulls a cotangent of them back.
    func linearize(
        _ input: SamplerInput<Element>, times: [Double], modelTimes: [Double]
    ) throws -> SamplerLinearization<Element>
}

extension Sampler {
    package func samples(_ input: SamplerInput<Element>, along courses: [TimeLists]) throws -> [Tensor<Element>] {
        try courses.map { try sample(input, times: $0.times, modelTimes: $0.modelTimes) }
    }
}

/// The samples that are asked for, one row for each.
package struct SamplerInput<Element: TensorElement>: Sendable {
    /// Unit noises [B, sample shape].
    package var noise: Tensor<Element>
    package var condition: Condition
    package var seeds: [Int64]
    /// Whether a pullback is to tell the cotangent of the noise, which may be work.
    package var wantsNoiseCotangent = true

    package var count: Int { seeds.count }

    package init(noise: Tensor<Element>, given condition: Condition = .none, seeds: [Int64]) {
        precondition(noise.batch == seeds.count)
        self.noise = noise
        self.condition = condition
        self.seeds = seeds
    }
}

/// Samples, and the transpose of the sampler's derivative.
package struct SamplerLinearization<Element: TensorElement> {
    /// [B, target shape]
    package let samples: Tensor<Element>
    package let pullback: (Tensor<Element>) throws -> SamplerCotangents<Element>

    package init(
        samples: Tensor<Element>, pullback: @escaping (Tensor<Element>) throws -> SamplerCotangents<Element>
    ) {
        self.samples = samples
        self.pullback = pullback
    }
}

/// The gradients of a scalar that depends on the samples.
package struct SamplerCotangents<Element: TensorElement>: Sendable {
    /// [B, sample shape]; nil if the sampler cannot tell it.
    package let noise: Tensor<Element>?
    /// The sum over the samples, for each of the N + 1 times.
    package let times: [Double]
    package let modelTimes: [Double]

    package init(noise: Tensor<Element>?, times: [Double], modelTimes: [Double]) {
        self.noise = noise
        self.times = times
        self.modelTimes = modelTimes
    }
}

/// A solver with a denoiser, which runs as a step program.
package struct SolverSampler<Element: TensorElement>: Sampler {
    package let solver: Solver
    package let process: NoiseProcess
    package let denoiser: any Denoiser<Element>
    package var policy: ActivationPolicy

    package init(
        _ solver: Solver, process: NoiseProcess, denoiser: any Denoiser<Element>, policy: ActivationPolicy = .recompute
    ) {
        self.solver = solver
        self.process = process
        self.denoiser = denoiser
        self.policy = policy
    }

    package func sample(
        _ input: SamplerInput<Element>, times: [Double], modelTimes: [Double]
    ) throws -> Tensor<Element> {
        let program = try solver.program(process: process, times: times, modelTimes: modelTimes)
        return try executor(input).run(program, from: start(input))
    }

    package func linearize(
        _ input: SamplerInput<Element>, times: [Double], modelTimes: [Double]
    ) throws -> SamplerLinearization<Element> {
        let count = times.count
        let variables = (times + modelTimes).enumerated().map { Dual.variable($1, index: $0, of: 2 * count) }
        let program = try solver.program(
            process: process, times: Array(variables[..<count]), modelTimes: Array(variables[count...]))
        let executor = executor(input)
        let trace = try executor.trace(program.values, from: start(input), policy: policy)
        return SamplerLinearization(samples: trace.result) { cotangent in
            let gradient = try executor.pullback(trace, cotangent: cotangent)
            let slopes = gradient.chained(through: program, count: 2 * count)
            return SamplerCotangents(
                noise: gradient.start.scaled(by: process.priorScale), times: Array(slopes[..<count]),
                modelTimes: Array(slopes[count...]))
        }
    }

    private func start(_ input: SamplerInput<Element>) -> Tensor<Element> {
        input.noise.scaled(by: process.priorScale)
    }

    private func executor(_ input: SamplerInput<Element>) -> Executor<Element> {
        func executor(_ denoiser: some Denoiser<Element>) -> Executor<Element> {
            Executor(denoiser: denoiser, given: input.condition, seeds: input.seeds)
        }
        return executor(denoiser)
    }
}
