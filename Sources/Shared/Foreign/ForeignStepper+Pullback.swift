import Diagnostics
import Formats
import Solvers
import TensorStream
import Tensors

extension ForeignStepper {
    /// Returns the samples, and a closure that pulls a cotangent of them back through every step, the last one first. N + 1
    /// states are kept.
    package func linearize(
        _ input: SamplerInput<Double>, times: [Double], modelTimes: [Double]
    ) throws -> SamplerLinearization<Double> {
        guard hasPullback else {
            throw Failure(.usage, "the sampler has no pullback")
        }
        let course = TimeLists(times: times, modelTimes: modelTimes)
        guard input.count > 0 else {
            let zeros = [Double](repeating: 0, count: times.count)
            return SamplerLinearization(samples: Tensor(shape: [0] + stepper.sampleShape)) { _ in
                SamplerCotangents(noise: input.noise, times: zeros, modelTimes: zeros)
            }
        }
        let states = try states(input, along: course)
        let finished = try finish(states[course.steps], input, course)
        return SamplerLinearization(samples: try finished.values()) { [self] cotangent in
            try pullback(cotangent, of: finished.tensor.type, input, course, states)
        }
    }

    private func pullback(
        _ cotangent: Tensor<Double>, of sampleType: DataType, _ input: SamplerInput<Double>, _ course: TimeLists,
        _ states: [StepperState]
    ) throws -> SamplerCotangents<Double> {
        var (times, modelTimes) = ([Double](repeating: 0, count: course.times.count), [Double]())
        modelTimes = times
        let finished = try finish(
            states[course.steps], input, course, cotangent: cotangent, sampleType: sampleType)
        var cotangents = finished.cotangents ?? [:]
        try requireFinite(cotangents, input, step: course.steps - 1, course)
        for step in (0..<course.steps).reversed() {
            let answer = try self.step(states[step], input, course, step, cotangents: cotangents)
            cotangents = answer.cotangents ?? [:]
            try requireFinite(cotangents, input, step: step, course)
            func sum(_ name: String) -> Double { cotangents.removeValue(forKey: name)?.elements.reduce(0, +) ?? 0 }
            times[step] += sum("t")
            times[step + 1] += sum("t_next")
            modelTimes[step] += sum("t_model")
        }
        let noise = input.wantsNoiseCotangent ? try startPullback(cotangents, states[0], input) : nil
        return SamplerCotangents(noise: noise, times: times, modelTimes: modelTimes)
    }

    /// Returns the cotangent of the noise, [B, noise shape], or nil if the child does not tell it.
    private func startPullback(
        _ cotangents: NamedCotangents, _ state: StepperState, _ input: SamplerInput<Double>
    ) throws -> Tensor<Double>? {
        guard stepper.answers.contains(.start) else { return cotangents["state"]?.scaled(by: process.priorScale) }
        let noise = noise(input)
        let tensors = [noise] + cotangents.requested(of: state.floats)
        let answer = try ask(.start, tensors, input) { frame in
            try frame["noise_cotangent"].map { _ in try NamedCotangents(frame, of: [noise]) }
        }
        guard let answer else { return nil }
        if let bad = answer["noise"]?.firstNonFinite() {
            throw breakdown(
                input, sample: bad / noiseShape.reduce(1, *), step: 0, time: process.start, isGradient: true)
        }
        return answer["noise"]
    }

    private func requireFinite(
        _ cotangents: NamedCotangents, _ input: SamplerInput<Double>, step: Int, _ course: TimeLists
    ) throws {
        for cotangent in cotangents.values {
            guard let bad = cotangent.firstNonFinite() else { continue }
            let sample = bad / max(1, cotangent.sampleCount)
            throw breakdown(
                input, sample: sample, step: step, time: course.modelTimes[step], isGradient: true)
        }
    }
}

// MARK: - Loss

extension ForeignStepper {
    /// Returns the child's own loss of each sample, [B], which is not negative. Asked only if `hasLoss`.
    ///
    /// - Parameters:
    ///   - samples: [B, sample shape].
    ///   - targets: the teacher's samples, [B, sample shape].
    package func losses(
        _ samples: Tensor<Double>, to targets: Tensor<Double>, _ input: SamplerInput<Double>
    ) throws -> [Double] {
        try losses(samples, to: targets, input, wantsGradient: false).values
    }

    /// Returns the losses with the gradient of each in its own sample, [B, sample shape]. Asked only if `hasLoss` and
    /// `hasPullback`.
    package func lossGradients(
        _ samples: Tensor<Double>, to targets: Tensor<Double>, _ input: SamplerInput<Double>
    ) throws -> (values: [Double], samples: Tensor<Double>) {
        let answer = try losses(samples, to: targets, input, wantsGradient: true)
        return (answer.values, answer.gradient ?? Tensor(shape: samples.shape))
    }

    private func losses(
        _ samples: Tensor<Double>, to targets: Tensor<Double>, _ input: SamplerInput<Double>, wantsGradient: Bool
    ) throws -> (values: [Double], gradient: Tensor<Double>?) {
        let count = input.count
        guard count > 0 else { return ([], nil) }
        let sample = NamedTensor(name: "sample", tensor: samples)
        var tensors = [sample, NamedTensor(name: "target", tensor: targets.converted(to: Float.self))]
        if wantsGradient {
            let ones = [Double](repeating: 1, count: count)
            tensors.append(NamedTensor(name: "cotangent.loss", shape: [count], doubles: ones))
        }
        return try ask(.loss, tensors, input) { frame in
            let values: Tensor<Double> = try frame.tensor("loss", shape: [count], status: .inputOutput)
            if let wrong = values.elements.first(where: { !($0 >= 0 && $0.isFinite) }) {
                throw Failure(.inputOutput, "`loss` holds \(wrong), where a finite number from 0 on was due")
            }
            let gradient = wantsGradient ? try NamedCotangents(frame, of: [sample])["sample"] : nil
            if let gradient, let bad = gradient.firstNonFinite() {
                throw Failure(
                    .inputOutput,
                    "`sample_cotangent` holds \(gradient[bad]) for seed \(input.seeds[bad / gradient.sampleCount]), where a finite number was due"
                )
            }
            return (values.elements, gradient)
        }
    }
}
