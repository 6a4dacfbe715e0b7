import Diffusion
import Fitting
import FittingTestSupport
import Methods
import Metrics
import Schedules
import Solvers
import Tensors
import Testing

@Suite struct GGDMTests {
    private func score(_ toy: Toy, _ pairs: Pairs<Double>) throws -> DistributionScore<Double> {
        try DistributionScore(ElementFeatures(), targets: pairs.targets)
    }

    /// The mean share of a batch is the unbiased discrepancy, in which no sample meets its own target.
    @Test func theScoreIsTheDiscrepancy() throws {
        let toy = try Toy(pairs: 20)
        let samples = gaussian(shape: [6, 4], seed: 11)
        let pairs = [0, 3, 4, 7, 8, 9]
        let values = try score(toy, toy.train).values(samples, pairs: pairs)
        func kernel(_ x: Tensor<Double>, _ y: Tensor<Double>) -> Double { Double.pow(x.dot(y) / 4 + 1, 3) }
        func row(_ tensor: Tensor<Double>, _ index: Int) -> Tensor<Double> { tensor.samples(index..<index + 1) }
        var expected = 0.0
        for (place, pair) in pairs.enumerated() {
            for other in 0..<6 where other != place {
                expected += kernel(row(samples, place), row(samples, other)) / 30
            }
            for other in 0..<10 where other != pair {
                let target = row(toy.train.targets, other)
                expected += kernel(row(toy.train.targets, pair), target) / 54
                expected -= 2 * kernel(row(samples, place), target) / 54
            }
        }
        #expect(abs(values.reduce(0, +) / 6 - expected) < 1e-10 * abs(expected))
    }

    @Test func gradientOfTheScore() throws {
        let toy = try Toy(pairs: 20)
        let score = try score(toy, toy.train)
        let samples = gaussian(shape: [5, 4], seed: 12)
        let pairs = [1, 2, 5, 6, 9]
        let gradients = try score.gradients(samples, pairs: pairs)
        #expect(try gradients.values == score.values(samples, pairs: pairs))
        for index in 0..<samples.count {
            func sum(_ step: Double) throws -> Double {
                var moved = samples
                moved[index] += step
                return try score.values(moved, pairs: pairs).reduce(0, +)
            }
            let slope = try (sum(1e-5) - sum(-1e-5)) / 2e-5
            #expect(abs(gradients.samples[index] - slope) < 1e-6 * max(1, abs(slope)))
        }
    }

    /// The gradient through the whole sampler, in every parameter of the generalized family, against central
    /// differences.
    @Test(arguments: Solver.tested) func gradientThroughSampling(solver: Solver) throws {
        let toy = try Toy(pairs: 20)
        let family = try GeneralizedFamily(toy.family(solver, steps: 3))
        let student = toy.student(family)
        let set = FittingSet(toy.train, loss: try score(toy, toy.train))
        let batch = [0, 2, 3, 5, 8]
        let parameters =
            [1, 0.8, 1.2, 0.9, 0, 0.05, -0.04, 0]
            + gaussian(shape: [family.coefficientCount], seed: 9).map { 0.01 * $0 }.elements
        let gradients = try #require(try student.gradients(parameters, set, at: batch, ofNoises: false))
        for parameter in family.indices(of: [.times, .modelTimes, .coefficients]) {
            func score(_ step: Double) throws -> Double {
                var moved = parameters
                moved[parameter] += step
                let results = try student.solver.results(student.program(moved), set).gather(batch)
                return try set.loss.values(results, pairs: batch).reduce(0, +) / Double(batch.count)
            }
            let slope = try (score(1e-6) - score(-1e-6)) / 2e-6
            #expect(abs(gradients.parameters[parameter] - slope) < 1e-5 * max(0.1, abs(slope)), "\(parameter)")
        }
    }

    /// On a mixture the score falls, and sampling along the schedule gives the score that is told.
    @Test(arguments: ["ipndm3", "heun"]) func theScoreFalls(name: String) throws {
        let toy = try Toy(pairs: 80)
        let problem = toy.problem(try Solver(name: name), steps: 3)
        var method = GGDM(FeatureChoice(.elements))
        (method.trainingSteps, method.batch, method.learningRate) = (60, 20, 0.01)
        let fit = try method.fit(problem)
        let before = try #require(fit.detail("score_before"))
        let after = try #require(fit.detail("score_after"))
        #expect(after < 0.7 * before)
        #expect(fit.work.pullbacks > 0 && fit.schedule.method == "ggdm" && fit.schedule.coefficients != nil)
        let again = try Schedule(frame: fit.schedule.frame())
        let set = FittingSet(toy.validation, loss: try score(toy, toy.validation))
        let results = try Executor(denoiser: toy.denoiser).run(
            again.program(), from: toy.validation.noise.map { 80 * $0 })
        let values = try set.loss.values(results, pairs: Array(0..<set.count))
        #expect(abs(values.reduce(0, +) / Double(set.count) - after) < 1e-6 * before)
    }

    /// If times alone are asked for, nothing else is learned.
    @Test func timesAlone() throws {
        let toy = try Toy(pairs: 40)
        var method = GGDM(FeatureChoice(.elements), learning: .times)
        (method.trainingSteps, method.batch) = (5, 8)
        let fit = try method.fit(toy.problem(Solver(.ipndm), steps: 3))
        #expect(fit.schedule.coefficients == nil && fit.schedule.isTied)
    }

    /// The values of PyTorch's Adam on a sequence of gradients, learning rate 0.005.
    @Test func adam() {
        var adam = Adam(learningRate: 0.005, count: 2)
        var parameters = [1.0, 2.0]
        for step in 0..<5 { adam.step(&parameters, gradient: [0.3 * Double(step + 1), -0.01]) }
        #expect(abs(parameters[0] - 0.9757458456882323) < 1e-12 && abs(parameters[1] - 2.024999975000024) < 1e-12)
    }
}
