import Diffusion
import Fitting
import FittingTestSupport
import Formats
import Methods
import Schedules
import Solvers
import Tensors
import TestSupport
import Testing

@Suite struct DMNTests {
    /// The cases of fixtures/schedules/dmn: LD3's StepOptim with P = 1 on VE and 2 on VP, and the original's with three
    /// independent intervals always.
    static let cases: [(name: String, power: Int, intervals: Int?)] = [
        ("ld3/ve", 1, nil), ("ld3/vp_linear", 2, nil), ("ld3/vp_discrete_sd", 2, nil),
        ("dmn_repo/vp_linear", 2, 3), ("dmn_repo/vp_linear_logsnr_init", 2, 3),
    ]

    @Test func objectiveAtTheRecordedOptima() throws {
        let file = try SafetensorsFile(path: Fixtures.path("schedules/dmn.safetensors"))
        for (name, power, intervals) in Self.cases {
            for steps in 4...12 {
                let objective = DMNObjective(errorPower: power, steps: steps, independentIntervals: intervals)
                let recorded = try file.doubles("\(name)/n\(steps)/objective")
                let lambdas = try file.doubles("\(name)/n\(steps)/lambda")
                let span = lambdas[steps] - lambdas[0]
                let even = (0...steps).map { lambdas[0] + span * Double($0) / Double(steps) }
                for (list, expected) in [
                    (lambdas, recorded[0]), (try file.doubles("\(name)/n\(steps)/best_known_lambda"), recorded[1]),
                    (even, recorded[2]),
                ] {
                    #expect(abs(objective(list) - expected) <= 1e-9 * expected, "\(name) N = \(steps)")
                }
            }
        }
    }

    /// The times are those that the reference makes of its optima. It took Stable Diffusion's table in float32.
    @Test func timesOfTheRecordedOptima() throws {
        let file = try SafetensorsFile(path: Fixtures.path("schedules/dmn.safetensors"))
        for (name, _, _) in Self.cases {
            let process: NoiseProcess =
                name == "ld3/ve" ? .edm : name == "ld3/vp_discrete_sd" ? .vpDiscrete(.stableDiffusion) : .vpLinear
            func tolerance(_ time: Double) -> Double { name == "ld3/vp_discrete_sd" ? 1e-7 : 1e-9 * time }
            for steps in 4...12 {
                let times = try file.doubles("\(name)/n\(steps)/lambda").map { process.time(lambda: $0) }
                for (time, expected) in zip(times, try file.doubles("\(name)/n\(steps)/t")) {
                    #expect(abs(time - expected) <= tolerance(expected), "\(name) N = \(steps)")
                }
            }
        }
    }

    /// The search comes within 1e-3 of the reference for N up to 6, and is not above it for N = 7.
    @Test(arguments: [0, 1, 2]) func optimum(index: Int) throws {
        let file = try SafetensorsFile(path: Fixtures.path("schedules/dmn.safetensors"))
        let (name, power, _) = Self.cases[index]
        for steps in 4...7 {
            let lambdas = try file.doubles("\(name)/n\(steps)/lambda")
            let span = lambdas[steps] - lambdas[0]
            var search = DMNSearch(DMNObjective(errorPower: power, steps: steps))
            search.restarts = 8
            let found = search.minimize(from: (0...steps).map { lambdas[0] + span * Double($0) / Double(steps) })
            let reference = try file.doubles("\(name)/n\(steps)/objective")[0]
            #expect(found.objective <= reference * (steps == 7 ? 1 : 1.001), "\(name) N = \(steps)")
            #expect(zip(found.lambdas, found.lambdas.dropFirst()).allSatisfy { $0 <= $1 })
            #expect(search.objective(found.lambdas) == found.objective)
            if steps < 6 { for (a, b) in zip(found.lambdas, lambdas) { #expect(abs(a - b) < 2e-2) } }
        }
    }

    /// The search reaches the best objectives known for latent diffusion's table (for N = 7, the reference's).
    @Test func latentDiffusion() {
        let (first, last) = (-4.428701401932762, 3.2503945223738526)
        for (steps, best) in [(4, 33.035088), (5, 28.661525), (6, 23.083241), (7, 17.039846)] {
            let start = (0...steps).map { first + (last - first) * Double($0) / Double(steps) }
            let found = DMNSearch(DMNObjective(errorPower: 2, steps: steps)).minimize(from: start)
            #expect(found.objective <= best * 1.001, "N = \(steps): \(found.objective)")
        }
    }

    @Test func schedules() throws {
        let toy = try Toy()
        for steps in [2, 5, 8, 10] {
            let fit = try DMN().fit(toy.problem(Solver(.ipndm), steps: steps))
            #expect(fit.work.forwards == 0 && fit.work.pullbacks == 0 && fit.schedule.method == "dmn")
            #expect(fit.schedule.steps == steps && fit.lossAfter.isFinite)
        }
    }
}

@Suite struct GITSTests {
    /// The paths of a small matrix of costs, known from trying all.
    @Test func oracle() {
        let costs: [[Double]] = (0..<6).map { (i: Int) -> [Double] in
            (0..<6).map { (j: Int) -> Double in Double((j - i) * (j - i) * (1 + i)) }
        }
        for (steps, path) in [(2, [0, 4, 5]), (3, [0, 3, 4, 5]), (4, [0, 2, 3, 4, 5])] {
            for coefficient in [1, 1.15] {
                #expect(GITS(coefficient: coefficient).path(costs, steps: steps) == path)
            }
        }
        #expect(GITS().path(costs, steps: 1) == [0, 5] && GITS().path(costs, steps: 5) == [0, 1, 2, 3, 4, 5])
    }

    /// The teacher, the costs of its trajectory, and every path are those of fixtures/gits.
    @Test func reference() throws {
        let file = try SafetensorsFile(path: Fixtures.path("gits/gits.safetensors"))
        let mixture = try MixtureDenoiser<Double>(
            weights: file.doubles("mixture/weights"), means: file.tensor("mixture/means").tensor(),
            deviations: file.tensor("mixture/stds").tensor())
        let latents: Tensor<Double> = try file.tensor("latents").tensor()
        let times = try file.doubles("teacher_t_steps")
        let own = try Discretization.edm.times(steps: 20, process: .edm)
        #expect(zip(own, times).allSatisfy { abs($0 - $1) <= 1e-9 * 80 })
        let start = latents.reshaped([16, 8]).map { 80 * $0 }
        let trajectory = try TeacherTrajectory(mixture, process: .edm, times: times, start: start, given: .none)
        func largest(_ values: [Double]) -> Double { values.reduce(0) { max($0, abs($1)) } }
        func compare(_ values: [Double], _ expected: [Double], _ name: String) {
            let error = largest(zip(values, expected).map { $0 - $1 })
            #expect(values.count == expected.count && error <= 1e-9 * largest(expected), "\(name): \(error)")
        }
        compare(trajectory.states.flatMap(\.elements), try file.doubles("teacher_trajectory"), "trajectory")
        compare(trajectory.slopes.flatMap(\.elements), try file.doubles("teacher_eps"), "slopes")
        var paths = 0
        for metric in GITS.Metric.allCases {
            let costs = GITS(metric: metric).costs(trajectory)
            compare(costs.flatMap { $0 }, try file.doubles("\(metric.rawValue)/cost"), metric.rawValue)
            for coefficient in [1.0, 1.1, 1.15] {
                for points in 4...11 {
                    let expected = try file.doubles(
                        "\(metric.rawValue)/indices/coeff\(coefficient)/num_steps\(points)")
                    let path = GITS(metric: metric, coefficient: coefficient).path(costs, steps: points - 1)
                    #expect(path.map(Double.init) == expected, "\(metric) \(coefficient) \(points)")
                    paths += 1
                }
            }
        }
        #expect(paths == 72)
    }

    @Test func scheduleAndItsCost() throws {
        let toy = try Toy()
        let fit = try GITS(teacherSteps: 30).fit(toy.problem(Solver(.ipndm), steps: 5))
        #expect(fit.work.forwards == 30 * toy.train.count && fit.work.pullbacks == 0)
        let grid = try Discretization.edm.times(steps: 30, process: .edm)
        #expect(fit.schedule.times.allSatisfy { grid.contains($0) } && fit.schedule.steps == 5)
    }
}

@Suite struct AYSTests {
    /// Returns KLUB of Gaussian data in closed form, up to a factor: the density's mass (docs/methods/ays.md,
    /// "Objective").
    private func klub(_ levels: [Double], variance: Double) -> Double {
        func integral(_ low: Double, _ high: Double) -> Double {
            // The integral of t^-3 (1 / (t^2 + c^2) - 1 / (u^2 + c^2)) over log t, by Simpson's rule.
            let count = 2000
            let (a, b) = (Double.log(low), Double.log(high))
            var sum = 0.0
            for index in 0...count {
                let t = Double.exp(a + (b - a) * Double(index) / Double(count))
                let gap = 1 / (t * t + variance) - 1 / (high * high + variance)
                let weight: Double = index == 0 || index == count ? 1 : index % 2 == 1 ? 4 : 2
                sum += weight * gap / (t * t)
            }
            return sum * (b - a) / Double(count) / 3
        }
        return zip(levels, levels.dropFirst()).reduce(0) { $0 + integral($1.0, $1.1) }
    }

    /// The search comes close to the closed-form optimum of Gaussian data.
    @Test func gaussianOptimum() throws {
        let denoiser = GaussianDenoiser<Double>(sampleShape: [64], mean: 0, deviation: 0.5)
        let noise = gaussian(shape: [40, 64], seed: 3)
        let pairs = Pairs(
            seeds: (0..<40).map(Int64.init), condition: .none, noise: noise, targets: noise.map { 0.5 * $0 })
        let (train, validation) = try pairs.split(train: 38, validation: 2)
        func set(_ pairs: Pairs<Double>) -> FittingSet<Double> {
            FittingSet(pairs, loss: PixelLoss(.l2, targets: pairs.targets))
        }
        let problem = FitProblem(
            denoiser: CountingDenoiser(denoiser, counter: EvaluationCounter()), process: .edm,
            budget: Budget(try Solver(.ddim), steps: 5, process: .edm), train: set(train), validation: set(validation))
        var settings = AYS()
        (settings.firstSteps, settings.subdivisions, settings.sweeps) = (5, 0, 12)
        settings.stopsEarly = false
        let fit = try settings.fit(problem)
        let optimum = [0.002, 0.00603455, 0.0182175, 0.0552617, 0.175648, 80]
        let edm = try Discretization.edm.times(steps: 5, process: .edm)
        let found = klub(fit.schedule.times.reversed(), variance: 0.25)
        let least = klub(optimum, variance: 0.25)
        #expect(found < 1.03 * least, "\(fit.schedule.times): \(found), \(least)")
        #expect(klub(edm.reversed(), variance: 0.25) > 1.5 * least)
        #expect(fit.work.forwards > 0 && fit.work.pullbacks == 0)
    }

    /// A schedule of a search that stops early is no worse for the solver than the grid that the search started from.
    @Test func earlyStopping() throws {
        let toy = try Toy()
        let problem = toy.problem(try Solver(.ipndm), steps: 5)
        var settings = AYS()
        (settings.firstSteps, settings.subdivisions, settings.samples) = (5, 0, 6)
        let start = try Discretization.edm.times(steps: 5, process: .edm)
        let before = try problem.hardLoss(Solver(.ipndm).program(process: .edm, times: start), on: problem.validation)
        let stopped = try settings.fit(problem)
        #expect(stopped.lossAfter <= before * (1 + 1e-9))
        settings.stopsEarly = false
        #expect(try settings.fit(problem).lossAfter >= stopped.lossAfter)
    }

    @Test func subdividedAndInterpolated() throws {
        let toy = try Toy()
        var settings = AYS()
        (settings.samples, settings.sweeps) = (4, 1)
        for steps in [3, 10, 17] {
            let fit = try settings.fit(toy.problem(Solver(.ipndm), steps: steps))
            #expect(fit.schedule.steps == steps && fit.schedule.method == "ays" && fit.lossAfter.isFinite)
            #expect(fit.schedule.times[0] == 80 && fit.schedule.times[steps] == 0.002)
        }
    }
}

@Suite struct DODETests {
    /// On centred Gaussian data every state is a multiple of the noise, so one scalar for each step lands on the
    /// teacher exactly.
    @Test func gaussianStatesAreTheTeachers() throws {
        let denoiser = GaussianDenoiser<Double>(sampleShape: [3], mean: 0, deviation: 0.5)
        let noise = gaussian(shape: [6, 3], seed: 5)
        let pairs = Pairs(
            seeds: (0..<6).map(Int64.init), condition: .none, noise: noise, targets: noise.map { 0.5 * $0 })
        let (train, validation) = try pairs.split(train: 4, validation: 2)
        func set(_ pairs: Pairs<Double>) -> FittingSet<Double> {
            FittingSet(pairs, loss: PixelLoss(.l2, targets: pairs.targets))
        }
        let times = try Discretization.edm.times(steps: 4, process: .edm)
        let start = train.noise.map { 80 * $0 }
        for name in ["ddim", "euler", "heun", "dpm_solver++2", "dpm_solver2", "dpm_solver3"] {
            let problem = FitProblem(
                denoiser: CountingDenoiser(denoiser, counter: EvaluationCounter()), process: .edm,
                budget: Budget(try Solver(name: name), steps: 4, process: .edm), train: set(train),
                validation: set(validation))
            let fit = try DODE().fit(problem, along: times)
            // DDIM with ten steps for every interval between evaluations, evenly in lambda.
            let nodes = try problem.solver.recursion(process: .edm, times: times, modelTimes: times).modelTimes
            var fine = [80.0]
            for (first, last) in zip(nodes, nodes.dropFirst()) where last < first {
                fine += (1...10).map { first * Double.pow(last / first, Double($0) / 10) }
            }
            let teacher = try Solver(.ddim).program(process: .edm, times: fine)
            let expected = try Executor(denoiser: denoiser).run(teacher, from: start)
            let again = try Schedule(frame: fit.schedule.frame())
            #expect(again == fit.schedule)
            let result = try Executor(denoiser: denoiser).run(again.program(), from: start)
            for (a, b) in zip(result.elements, expected.elements) { #expect(abs(a - b) < 1e-10, "\(name)") }
        }
    }

    /// On a mixture the corrected solver is closer to its teacher than the plain one, from fresh noises too.
    @Test func correctionsHelp() throws {
        let toy = try Toy(pairs: 60)
        for name in ["ddim", "heun", "ipndm2", "dpm_solver++2", "dpm_solver2"] {
            let solver = try Solver(name: name)
            let problem = toy.problem(solver, steps: 4)
            let times = try Discretization.edm.times(steps: 4, process: .edm)
            let plain = try problem.hardLoss(solver.program(process: .edm, times: times), on: problem.validation)
            let fit = try DODE().fit(problem, along: times)
            #expect(fit.lossAfter < plain, "\(name): \(fit.lossAfter), \(plain)")
            #expect(fit.work.forwards > 0 && fit.work.pullbacks == 0)
        }
        #expect(throws: (any Error).self) { try DODE().fit(toy.problem(Solver(.unipc), steps: 4)) }
    }
}
