import Diffusion
import Fitting
import FittingTestSupport
import Solvers
import Tensors
import Testing

@Suite struct StudentTests {
    /// Every gradient that training uses equals central differences.
    @Test(arguments: Solver.tested)
    func gradientsAreExact(solver: Solver) throws {
        let toy = try Toy()
        let steps = 5
        let student = toy.student(toy.family(solver, steps: steps))
        let parameters = [1, 0.8, 1.2, 0.9, 1.3, 1.1] + [0, 0.05, -0.04, 0.02, 0.03, 0]
        let set = toy.set(toy.train)
        let indices = [0, 2, 3]
        let gradients = try #require(try student.gradients(parameters, set, at: indices, ofNoises: true))
        func loss(_ parameters: [Double], _ set: FittingSet<Double>) throws -> Double {
            let losses = try student.solver.losses(student.program(parameters), set, at: indices) ?? []
            return losses.reduce(0, +) / 3
        }
        for index in parameters.indices {
            var (above, below) = (parameters, parameters)
            above[index] += 1e-6
            below[index] -= 1e-6
            let difference = (try loss(above, set) - loss(below, set)) / 2e-6
            #expect(abs(difference - gradients.parameters[index]) < 1e-7)
        }
        let noises = try #require(gradients.noises)
        for (row, pair) in indices.enumerated() {
            for element in 0..<4 {
                var (above, below) = (set, set)
                above.movedNoises[pair * 4 + element] += 1e-6
                below.movedNoises[pair * 4 + element] -= 1e-6
                let difference = 3 * (try loss(parameters, above) - loss(parameters, below)) / 2e-6
                #expect(abs(difference - noises[row * 4 + element]) < 1e-7)
            }
        }
    }

    /// The roots of losses of a student that is a sampler: their Jacobian gives the gradient of the mean loss.
    @Test(arguments: [false, true])
    func theJacobianOfASamplerGivesItsGradient(isTied: Bool) throws {
        let toy = try Toy()
        let solver = try Solver(.ddim)
        let exact = toy.student(toy.family(solver, steps: 4, isTied: isTied))
        var student = exact
        student.solver.sampler = FitSampler(
            SolverSampler(solver, process: toy.process, denoiser: toy.denoiser), gradient: .differences,
            takesModelTimes: !isTied, evaluations: 1, counter: EvaluationCounter())
        let parameters = [1, 0.8, 1.2, 0.9, 1.3] + [0, 0.05, -0.04, 0.02, 0]
        let (set, indices) = (toy.set(toy.train), [0, 2, 3])
        let free = student.family.indices(of: [.times, .modelTimes])
        #expect(free.count == (isTied ? 3 : 6))
        let gradients = try #require(try exact.gradients(parameters, set, at: indices, ofNoises: false))
        let differences = try #require(try student.gradients(parameters, set, at: indices, ofNoises: false))
        let jacobian = try student.jacobian(parameters, set, at: indices, free: free)
        for (column, parameter) in zip(jacobian.columns, free) {
            #expect(column.shape == [3, 1])
            let slope = indices.indices.reduce(0) { $0 + 2 * gradients.losses[$1].squareRoot() * column[$1] / 3 }
            let due = gradients.parameters[parameter]
            #expect(abs(slope - due) < 1e-4 * max(1, abs(due)), "\(parameter)")
            #expect(abs(differences.parameters[parameter] - due) < 1e-4 * max(1, abs(due)), "\(parameter)")
        }
    }

    @Test func rematerializationAndKnownFirstOutputsChangeNoBit() throws {
        let toy = try Toy()
        var student = toy.student(toy.family(try Solver(.ddim), steps: 4))
        let parameters = [1, 0.8, 1.2, 0.9, 1.3] + [0, 0.05, -0.04, 0.02, 0]
        var set = toy.set(toy.train)
        let kept = try #require(try student.gradients(parameters, set, at: [0, 1], ofNoises: true))
        student.solver.resources.policy = .recompute
        set.firstOutputs = try student.solver.firstOutputs(set, program: student.program(parameters))
        let recomputed = try #require(try student.gradients(parameters, set, at: [0, 1], ofNoises: true))
        #expect(kept.parameters == recomputed.parameters)
        #expect(kept.noises == recomputed.noises)
        #expect(kept.losses == recomputed.losses)
    }

    /// D(x_T; T) is asked of every pair once, and of none by a solver with an analytic first step.
    @Test func firstOutputsAreThoseNeeded() throws {
        let toy = try Toy()
        for (solver, count) in [(try Solver(.ipndm), 12), (try Solver(.ipndm, options: [.analyticFirst]), 0)] {
            var problem = toy.problem(solver, steps: 4)
            for _ in 0..<2 { try problem.keepFirstOutputs() }
            #expect(problem.denoiser.counter.count == EvaluationCount(forwards: count))
            #expect((problem.train.firstOutputs == nil) == (count == 0))
        }
    }

    /// Without the noises' gradient the first evaluation needs neither forward nor backward.
    @Test func evaluationsAreThoseNeeded() throws {
        let toy = try Toy()
        let counter = EvaluationCounter()
        var student = Student(
            PairSolver(CountingDenoiser(toy.denoiser, counter: counter), startScale: 80),
            family: toy.family(try Solver(.ddim), steps: 4))
        let parameters = [Double](repeating: 1, count: 5) + [Double](repeating: 0, count: 5)
        var set = toy.set(toy.train)
        set.firstOutputs = try student.solver.firstOutputs(set, program: student.program(parameters))
        let before = counter.count
        _ = try student.gradients(parameters, set, at: [0, 1], ofNoises: false)
        #expect(counter.count - before == EvaluationCount(forwards: 6, pullbacks: 6))
        let next = counter.count
        _ = try student.solver.losses(student.program(parameters), set)
        #expect(counter.count - next == EvaluationCount(forwards: 3 * set.count, pullbacks: 0))
        student.solver.resources.savings = []
        set.firstOutputs = nil
        let last = counter.count
        _ = try student.solver.losses(student.program(parameters), set)
        #expect(counter.count - last == EvaluationCount(forwards: 5 * set.count, pullbacks: 0))
    }

    @Test func validationIsGivenUpOnceItCannotWin() throws {
        let toy = try Toy()
        let student = toy.student(toy.family(try Solver(.ddim), steps: 4))
        var small = student
        small.solver.resources.batch = 2
        let set = toy.set(toy.train)
        let program = try student.program([Double](repeating: 1, count: 5) + [Double](repeating: 0, count: 5))
        let losses = try #require(try student.solver.losses(program, set))
        #expect(try small.solver.losses(program, set) == losses)
        #expect(try small.solver.losses(program, set, abandoningAbove: losses[0]) == nil)
        #expect(try small.solver.losses(program, set, abandoningAbove: losses.reduce(0, +)) == losses)
    }
}
