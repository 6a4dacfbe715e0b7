import Diffusion
import Fitting
import Solvers
import Tensors

/// A three-component mixture in four dimensions with pairs from a fine solve: everything that a fit needs, in Double.
package struct Toy {
    package let denoiser: MixtureDenoiser<Double>
    package let process: NoiseProcess = .edm
    package let train: Pairs<Double>
    package let validation: Pairs<Double>

    package init(pairs count: Int = 12) throws {
        denoiser = try MixtureDenoiser(
            weights: [0.3, 0.5, 0.2],
            means: Tensor(shape: [3, 4], elements: [-0.4, 0.5, 0.1, -0.8, 0.6, -0.2, 0.3, 0.4, 0, 0.9, -0.7, -0.1]),
            deviations: Tensor(shape: [3], elements: [0.1, 0.2, 0.15]))
        let noise = gaussian(shape: [count, 4], seed: 1)
        let times = Parameterization(process: .edm, steps: 60, mode: .lambda).times([Double](repeating: 1, count: 61))
        let teacher = try Solver(.unipc).program(process: .edm, times: times, modelTimes: times)
        let targets = try Executor(denoiser: denoiser).run(teacher, from: noise.map { 80 * $0 })
        (train, validation) = try Pairs(
            seeds: (0..<count).map(Int64.init), condition: .none, noise: noise, targets: targets
        ).split(train: nil, validation: nil)
    }

    package func family(_ solver: Solver, steps: Int, isTied: Bool = false) -> TimesFamily {
        TimesFamily(
            solver: solver, parameterization: Parameterization(process: process, steps: steps, mode: .lambda),
            isTied: isTied)
    }

    package func set(_ pairs: Pairs<Double>) -> FittingSet<Double> {
        FittingSet(pairs, loss: PixelLoss(.l2, targets: pairs.targets))
    }

    package func student<Family: ProgramFamily>(_ family: Family) -> Student<Double, Family> {
        Student(PairSolver(denoiser, startScale: process.priorScale), family: family)
    }

    /// Returns a problem of these pairs, for this denoiser or another.
    package func problem(
        _ solver: Solver, steps: Int, denoiser: (any Denoiser<Double>)? = nil,
        counter: EvaluationCounter = EvaluationCounter()
    ) -> FitProblem<Double> {
        func counting(_ denoiser: some Denoiser<Double>) -> CountingDenoiser<Double> {
            CountingDenoiser(denoiser, counter: counter)
        }
        let chosen: any Denoiser<Double> = denoiser ?? self.denoiser
        return FitProblem(
            denoiser: counting(chosen), process: process,
            budget: Budget(solver, steps: steps, process: process), train: set(train), validation: set(validation))
    }
}

/// Another denoiser that is NaN for some states and times.
package struct PartlyBroken: Denoiser {
    let denoiser: MixtureDenoiser<Double>
    /// Returns whether the denoiser is NaN for a state [1, 4] at its time.
    let isBroken: @Sendable (Tensor<Double>, Double) -> Bool

    package init(
        denoiser: MixtureDenoiser<Double>, isBroken: @escaping @Sendable (Tensor<Double>, Double) -> Bool
    ) {
        self.denoiser = denoiser
        self.isBroken = isBroken
    }

    package var sampleShape: [Int] { denoiser.sampleShape }
    package var hasPullback: Bool { denoiser.hasPullback }
    package var labelCount: Int { denoiser.labelCount }

    private func broken(_ x: Tensor<Double>, _ times: [Double]) -> Tensor<Double> {
        var x = x
        for row in times.indices where isBroken(x.samples(row..<row + 1), times[row]) {
            x.scatter(Tensor(shape: [1] + sampleShape, repeating: .nan), to: [row])
        }
        return x
    }

    package func denoise(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Tensor<Double> {
        try denoiser.denoise(broken(x, times), at: times, given: condition)
    }

    package func linearize(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Linearization<
        Double
    > {
        try denoiser.linearize(broken(x, times), at: times, given: condition)
    }
}

/// Returns normal numbers, the same ones for a seed.
package func gaussian(shape: [Int], seed: UInt64) -> Tensor<Double> {
    var generator = SplitMix(seed: seed)
    let count = shape.reduce(1, *)
    let values = (0..<count).map { _ in
        let radius = (-2 * Double.log(1 - generator.uniform())).squareRoot()
        return radius * Double.cos(2 * .pi * generator.uniform())
    }
    return Tensor(shape: shape, elements: values)
}

extension Solver {
    /// One solver of each kind of recursion.
    package static let tested: [Solver] = ["ddim", "ipndm3", "dpm_solver++3", "uni_pc_bh1_3", "uni_pc_bh2_2", "heun"]
        .compactMap {
            try? Solver(name: $0)
        }
}

/// The Euclidean distance of two rows.
package func distance(_ left: Tensor<Double>, _ right: Tensor<Double>, row: Int) -> Double {
    var difference = left.samples(row..<row + 1)
    difference.add(right.samples(row..<row + 1), times: -1)
    return difference.dot(difference).squareRoot()
}
