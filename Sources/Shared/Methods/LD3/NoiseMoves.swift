import Fitting
import Solvers
import Tensors

/// Moves noises down the gradients of their own losses, and back into their balls (paper, Alg. 1, lines 5 to 7).
struct NoiseMoves<Element: TensorElement> {
    private let solver: PairSolver<Element>
    private let ball: NoiseBall
    private let testsMoves: Bool
    private let decay: Double
    /// How far a noise steps along its gradient.
    private var step: Double
    private var accepted = 0

    init(_ settings: LD3Settings, _ solver: PairSolver<Element>) {
        self.solver = solver
        ball = settings.ball
        testsMoves = settings.testsMoves
        decay = settings.noiseStepDecay
        step = settings.noiseStep
    }

    /// Begins to count moves.
    mutating func begin() { accepted = 0 }

    /// Shortens the step if no noise has moved since `begin`.
    mutating func end() {
        if accepted == 0, ball.radius > 0 { step *= decay }
    }

    /// Moves the noises of the training pairs at `indices`. If moves are tested, a noise moves only if its loss along
    /// `course` falls. If not, every noise moves, by a step that to first order at most halves its loss.
    mutating func moveTraining(
        _ set: inout FittingSet<Element>, _ indices: [Int], along slopes: Tensor<Element>, from losses: [Double],
        _ course: () throws -> Course
    ) throws {
        if testsMoves {
            _ = try moveTested(&set, indices, along: slopes, from: losses, course())
            return
        }
        let shares = indices.indices.map { row in
            let slope = slopes.samples(row..<row + 1)
            return min(1, 0.5 * losses[row] / max(step * slope.dot(slope), .leastNormalMagnitude))
        }
        set.movedNoises.scatter(moved(set, indices, along: slopes.scaled(bySample: shares)), to: indices)
        set.firstOutputs = nil
        accepted += indices.count
    }

    /// Moves each noise whose loss falls by the move. Returns the loss of each noise afterwards, [B].
    mutating func moveTested(
        _ set: inout FittingSet<Element>, _ indices: [Int], along slopes: Tensor<Element>, from losses: [Double],
        _ course: Course
    ) throws -> [Double] {
        let after = try move(&set, indices, along: slopes, from: losses, course)
        accepted += zip(after, losses).count { $0 < $1 }
        return after
    }

    private func move(
        _ set: inout FittingSet<Element>, _ indices: [Int], along slopes: Tensor<Element>, from losses: [Double],
        _ course: Course
    ) throws -> [Double] {
        let moved = moved(set, indices, along: slopes)
        let solved = try unlessBroken { try solver.solve(course, set, indices, from: moved, firstOutputs: nil) }
        guard let solved else {
            // This solves the noises one by one, so that the batch does not decide which of them move.
            guard indices.count > 1 else { return losses }
            return try indices.indices.map { row in
                try move(&set, [indices[row]], along: slopes.samples(row..<row + 1), from: [losses[row]], course)[0]
            }
        }
        let after = try set.loss.values(solved.results, pairs: indices)
        let accepted = indices.indices.filter { after[$0] < losses[$0] }
        let places = accepted.map { indices[$0] }
        set.movedNoises.scatter(moved.gather(accepted), to: places)
        set.firstOutputs?.scatter(solved.firstOutputs.gather(accepted), to: places)
        return losses.indices.map { after[$0] < losses[$0] ? after[$0] : losses[$0] }
    }

    /// Returns the noises at `indices`, each a step down its slope and back in its ball, [B, sample shape].
    private func moved(
        _ set: FittingSet<Element>, _ indices: [Int], along slopes: Tensor<Element>
    ) -> Tensor<Element> {
        var moved = set.movedNoises.gather(indices)
        moved.add(slopes, times: -step)
        return ball.project(moved, around: set.pairs.noise.gather(indices))
    }
}
