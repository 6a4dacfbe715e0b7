import Diagnostics
import Diffusion
import Dispatch
import Foreign
import Formats
import Foundation
import Models
import Solvers
import Tensors
import TestSupport
import Testing

/// The sampler of Tests/Fixtures/foreign/stepper.py with some of its words.
func smallStepper(_ words: String = "", process: NoiseProcess? = nil) throws -> ForeignStepper {
    let model = try ModelCatalogue.open(
        "exec:python3 '\(Fixtures.path("foreign/stepper.py"))' '\(Fixtures.root)/scripts' \(words)", process: process)
    return try #require(model.stepper)
}

@Suite(.enabled(if: Programs.exists("python3"), "python3 is not there"))
struct ForeignStepperTests {
    private let course = TimeLists(times: [2, 1.4, 0.9, 0.5], modelTimes: [2, 1.5, 0.85, 0.5])
    private let input = SamplerInput<Double>(
        noise: Tensor(shape: [3, 2], elements: [0.5, -1.25, 0.75, 2, -0.5, 1]), given: Condition(classes: [0, 2, -1]),
        seeds: [4, 9, 13])
    private let weights = Tensor<Double>(shape: [3, 3], elements: [1, -0.5, 0.25, 2, -1, 0.75, 0.5, 1, -1.5])

    /// The formula of the page's sampler, one sample at a time.
    private func plainSamples(_ input: SamplerInput<Double>, _ course: TimeLists) -> [Double] {
        (0..<input.count).flatMap { sample -> [Double] in
            var x = (0..<2).map { 1.5 * input.noise[2 * sample + $0] }
            for step in 0..<course.steps {
                let dt = course.times[step + 1] - course.times[step]
                let shift = 0.01 * Double(input.seeds[sample] % 7)
                x = x.map { $0 + dt * sin(course.modelTimes[step] + $0 + shift) }
            }
            return [x[0], x[1], x[0] + x[1]]
        }
    }

    @Test func samplesAreThoseOfTheFormula() throws {
        let stepper = try smallStepper("alone")
        #expect(stepper.noiseShape == [2] && stepper.stepper.sampleShape == [3])
        #expect(stepper.process == .interval(start: 2, end: 0.5))
        let samples = try stepper.sample(input, times: course.times, modelTimes: course.modelTimes)
        #expect(samples.shape == [3, 3])
        for (ours, theirs) in zip(samples.elements, plainSamples(input, course)) { #expect(abs(ours - theirs) < 1e-12) }
    }

    @Test func noSamplesNeedNoRequest() throws {
        let stepper = try smallStepper("die")
        let none = SamplerInput<Double>(noise: Tensor(shape: [0, 2]), seeds: [])
        #expect(try stepper.sample(none, times: course.times, modelTimes: course.modelTimes).shape == [0, 3])
    }

    @Test func coursesThatShareStepsGiveTheSamplesOfEachAlone() throws {
        let stepper = try smallStepper()
        var later = course
        later.times[2] = 0.8
        var other = course
        other.modelTimes[0] = 1.9
        let courses = [course, later, other, course]
        let together = try stepper.samples(input, along: courses)
        for (samples, course) in zip(together, courses) {
            #expect(try samples == stepper.sample(input, times: course.times, modelTimes: course.modelTimes))
        }
    }

    /// Gradients of a weighted sum of the samples against central differences.
    @Test func gradientsMatchDifferences() throws {
        let stepper = try smallStepper("alone")
        func value(_ input: SamplerInput<Double>, _ course: TimeLists) -> Double {
            zip(plainSamples(input, course), weights.elements).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let found = try stepper.linearize(input, times: course.times, modelTimes: course.modelTimes).pullback(weights)
        for index in course.times.indices {
            func slope(_ list: WritableKeyPath<TimeLists, [Double]>) -> Double {
                var (up, down) = (course, course)
                up[keyPath: list][index] += 1e-5
                down[keyPath: list][index] -= 1e-5
                return (value(input, up) - value(input, down)) / 2e-5
            }
            #expect(abs(found.times[index] - slope(\.times)) < 1e-8, "\(index)")
            #expect(abs(found.modelTimes[index] - slope(\.modelTimes)) < 1e-8, "\(index)")
        }
        let noise = try #require(found.noise)
        for index in 0..<6 {
            var (up, down) = (input, input)
            up.noise[index] += 1e-5
            down.noise[index] -= 1e-5
            #expect(abs(noise[index] - (value(up, course) - value(down, course)) / 2e-5) < 1e-8, "\(index)")
        }
    }

    @Test func aSamplerMayKeepTheNoiseInItsPlace() throws {
        let linearization = try smallStepper("still").linearize(
            input, times: course.times, modelTimes: course.modelTimes)
        let found = try linearization.pullback(weights)
        #expect(found.noise == nil && found.times.allSatisfy { $0 != 0 })
    }

    /// A sampler that answers `step` alone: the state is the noise, and the sample.
    @Test func stepAloneIsEnough() throws {
        let stepper = try smallStepper("bare")
        let samples = try stepper.sample(input, times: course.times, modelTimes: course.times)
        #expect(samples.shape == [3, 2])
        let found = try stepper.linearize(input, times: course.times, modelTimes: course.times)
            .pullback(Tensor(shape: [3, 2], repeating: 1))
        #expect(found.modelTimes == [0, 0, 0, 0])
        #expect(found.noise?.shape == [3, 2])
        // Without `start` the noise is scaled by what the process of ours begins with.
        let scaled = try smallStepper("bare process=edm:0.5,2")
        let doubled = SamplerInput<Double>(
            noise: input.noise.scaled(by: 2), given: input.condition, seeds: input.seeds)
        #expect(
            try scaled.sample(input, times: course.times, modelTimes: course.times)
                == stepper.sample(doubled, times: course.times, modelTimes: course.times))
    }

    @Test func lossesAndTheirGradients() throws {
        let stepper = try smallStepper()
        let targets = Tensor<Double>(shape: [3, 3], elements: [0, 0.5, 1, 1.5, -2, 0, 0.25, 3, -1])
        let found = try stepper.lossGradients(weights, to: targets, input)
        #expect(try found.values == stepper.losses(weights, to: targets, input))
        for sample in 0..<3 {
            let apart = (0..<3).map { weights[3 * sample + $0] - targets[3 * sample + $0] }
            #expect(abs(found.values[sample] - apart.reduce(0) { $0 + $1 * $1 } / 3) < 1e-12)
            for index in 0..<3 { #expect(abs(found.samples[3 * sample + index] - 2 / 3 * apart[index]) < 1e-12) }
        }
        #expect(throws: Failure.self) { try smallStepper("negative-loss").losses(weights, to: targets, input) }
        #expect {
            try smallStepper("loss-cotangent-nan").lossGradients(weights, to: targets, input)
        } throws: { error in
            guard let failure = error as? Failure else { return false }
            return failure.status == .inputOutput
                && failure.description.contains("`sample_cotangent` holds nan for seed 13")
        }
    }

    @Test func severalThreadsTakeTurns() throws {
        let stepper = try smallStepper("alone")
        let due = plainSamples(input, course)
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            let samples = try? stepper.sample(input, times: course.times, modelTimes: course.modelTimes)
            #expect(samples.map { zip($0.elements, due).allSatisfy { abs($0 - $1) < 1e-12 } } == true)
        }
    }

    @Test(arguments: [
        ("shape", "`state.x` is F64 [2, 3], where F64 [3, 2] was due"),
        ("type", "`state.x` is F32 [3, 2], where F64 [3, 2] was due"),
        ("missing", "no tensor `state.count`"), ("new", "`state.late` is not in the state"),
        ("kind", "kind started where stepped was due"), ("die", "out of luck"),
        ("error", "the molecule fell apart"), ("silent-end", "ended before its answer"),
        ("sample-shape", "`sample` is F64 [3, 3], where a float [3, 4] was due"),
    ])
    func faultsAreTold(fault: String, told: String) throws {
        let stepper = try smallStepper(fault)
        #expect {
            try stepper.sample(input, times: course.times, modelTimes: course.modelTimes)
        } throws: { error in
            guard let failure = error as? Failure else { return false }
            return failure.status == .inputOutput && failure.description.contains(told)
                && !failure.description.contains("\n") && failure.place?.hasPrefix("exec:python3") == true
        }
    }

    @Test(arguments: [
        ("cotangent-shape", "`t_cotangent` is F64 [4]"), ("cotangent-missing", "no tensor `t_cotangent`"),
    ])
    func faultsOfGradientsAreTold(fault: String, told: String) throws {
        let linearization = try smallStepper(fault).linearize(input, times: course.times, modelTimes: course.modelTimes)
        #expect {
            try linearization.pullback(weights)
        } throws: { error in
            guard let failure = error as? Failure else { return false }
            return failure.status == .inputOutput && failure.description.contains(told)
        }
    }

    @Test func whatIsNotFiniteNamesSeedAndStep() throws {
        #expect(throws: NetworkBreakdown(seed: 13, sample: 2, step: 1, time: 1.5, isGradient: false)) {
            try smallStepper("nan").sample(input, times: course.times, modelTimes: course.modelTimes)
        }
        let linearization = try smallStepper("cotangent-nan").linearize(
            input, times: course.times, modelTimes: course.modelTimes)
        #expect(throws: NetworkBreakdown(seed: 4, sample: 0, step: 1, time: 1.5, isGradient: true)) {
            try linearization.pullback(weights)
        }
    }

    @Test func timesThatDoNotFallAreRefused() throws {
        let stepper = try smallStepper()
        #expect(throws: Failure.self) { try stepper.sample(input, times: [2, 1, 1, 0.5], modelTimes: [2, 1, 1, 0.5]) }
    }

    /// Without a model frame that can be read nobody knows whether the child is a denoiser.
    @Test(arguments: [
        "interval=[1]", "interval=[0,1]", "interval=[1,1]", "interval=true", "evaluations=0", "evaluations=two",
    ])
    func aModelFrameThatContradictsItself(word: String) {
        #expect {
            try smallStepper("'\(word)'")
        } throws: { error in
            guard let failure = error as? Failure else { return false }
            return failure.status == .inputOutput && failure.description.contains(": the model answered wrongly: ")
        }
    }

    @Test func aProcessThatIsUnknownIsRefused() {
        #expect { try smallStepper("process=never") } throws: { ($0 as? Failure)?.status == .data }
    }

    /// A sampler without `start` begins with the noise times the process' deviation.
    @Test func aStartBeyondF32NamesTheSeed() throws {
        let stepper = try smallStepper("bare process=edm:0.5,2e38")
        #expect(throws: NetworkBreakdown(seed: 9, sample: 1, step: 0, time: 2e38, isGradient: false)) {
            try stepper.sample(input, times: [2e38, 0.5], modelTimes: [2e38, 0.5])
        }
    }

    @Test func anotherProcessThanTheSamplersIsRefused() {
        #expect {
            try smallStepper(process: .edm)
        } throws: { ($0 as? Failure)?.status == .usage }
    }
}

/// examples/rigid_docking.py against recorded numbers.
@Suite(.enabled(if: Python.imports("numpy"), "python3 with numpy is not there ($PYTHON names another)"))
struct RigidDockingTests {
    private let stepper: ForeignStepper
    private let file: SafetensorsFile
    private let input: SamplerInput<Double>

    init() throws {
        let model = try ModelCatalogue.open("exec:\(Python.command) '\(Fixtures.root)/examples/rigid_docking.py'")
        stepper = try #require(model.stepper)
        file = try SafetensorsFile(path: Fixtures.path("stepper/rigid_docking.safetensors"))
        input = SamplerInput(
            noise: try file.tensor("noise").tensor(),
            given: Condition(classes: try file.tensor("label").int64s().map { Int($0) }),
            seeds: try file.tensor("seed").int64s())
    }

    private func values(_ name: String) throws -> Tensor<Double> { try file.tensor(name).tensor() }

    private func expectClose(_ ours: [Double], _ name: String, within tolerance: Double) throws {
        let theirs = try values(name).elements
        #expect(ours.count == theirs.count, "\(name)")
        for (one, other) in zip(ours, theirs) { #expect(abs(one - other) <= tolerance * max(1, abs(other)), "\(name)") }
    }

    @Test func samplesAndLossesAreTheRecordedOnes() throws {
        for (list, name) in [("t_uniform", "uniform"), ("t", "bent")] {
            let times = try values(list).elements
            let modelTimes = name == "bent" ? try values("t_model").elements : times
            let samples = try stepper.sample(input, times: times, modelTimes: modelTimes)
            try expectClose(samples.elements, "\(name)/sample", within: 1e-9)
            // A stream's targets are F32, as are the ones that the loss is told.
            let losses = try stepper.losses(samples, to: values("target"), input)
            try expectClose(losses, "\(name)/loss", within: 1e-5)
        }
    }

    @Test func gradientsAreTheRecordedOnes() throws {
        let (times, modelTimes) = (try values("t").elements, try values("t_model").elements)
        let linearization = try stepper.linearize(input, times: times, modelTimes: modelTimes)
        let loss = try stepper.lossGradients(linearization.samples, to: values("target"), input)
        let found = try linearization.pullback(loss.samples)
        // The recorded gradients by times are of the mean loss over the eight samples.
        try expectClose(found.times.map { $0 / 8 }, "bent/grad_t", within: 1e-5)
        try expectClose(found.modelTimes.map { $0 / 8 }, "bent/grad_t_model", within: 1e-5)
        try expectClose(try #require(found.noise).elements, "bent/grad_noise", within: 1e-5)
    }
}
