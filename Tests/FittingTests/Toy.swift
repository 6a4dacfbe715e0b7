import Diffusion
import Fitting
import Solvers
import Tensors

/// A three-component mixture in four dimensions with pairs from a fine solve: everything a fit needs, in Double.
struct Toy {
    let denoiser: MixtureDenoiser<Double>
    let process: NoiseProcess = .edm
    let train: Pairs<Double>
    let validation: Pairs<Double>

    init(pairs count: Int = 12) throws {
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

    func family(_ solver: Solver, steps: Int, isTied: Bool = false) -> TimesFamily {
        TimesFamily(
            solver: solver, parameterization: Parameterization(process: process, steps: steps, mode: .lambda),
            isTied: isTied)
    }

    func set(_ pairs: Pairs<Double>) -> FittingSet<Double> {
        FittingSet(pairs, loss: PixelLoss(.l2, targets: pairs.targets))
    }

    func student<Family: ProgramFamily>(_ family: Family) -> Student<Double, Family> {
        Student(denoiser, family: family, startScale: process.priorScale)
    }
}

/// Another denoiser that is NaN for some states and times.
struct PartlyBroken: Denoiser {
    let denoiser: MixtureDenoiser<Double>
    /// Of a state [1, 4] and its time.
    let isBroken: @Sendable (Tensor<Double>, Double) -> Bool

    var sampleShape: [Int] { denoiser.sampleShape }
    var hasPullback: Bool { denoiser.hasPullback }
    var labelCount: Int { denoiser.labelCount }

    private func broken(_ x: Tensor<Double>, _ times: [Double]) -> Tensor<Double> {
        var x = x
        for row in times.indices where isBroken(x.samples(row..<row + 1), times[row]) {
            x.scatter(Tensor(shape: [1] + sampleShape, repeating: .nan), to: [row])
        }
        return x
    }

    func denoise(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Tensor<Double> {
        try denoiser.denoise(broken(x, times), at: times, given: condition)
    }

    func linearize(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Linearization<Double>
    {
        try denoiser.linearize(broken(x, times), at: times, given: condition)
    }
}

/// Normal numbers, the same for a seed.
func gaussian(shape: [Int], seed: UInt64) -> Tensor<Double> {
    var generator = SplitMix(seed: seed)
    let count = shape.reduce(1, *)
    let values = (0..<count).map { _ in
        let radius = (-2 * Double.log(1 - generator.uniform())).squareRoot()
        return radius * Double.cos(2 * .pi * generator.uniform())
    }
    return Tensor(shape: shape, elements: values)
}

extension Solver {
    /// One of each kind of recursion.
    static let tested: [Solver] = ["ddim", "ipndm3", "dpm_solver++3", "uni_pc_bh1_3", "uni_pc_bh2_2", "heun"].compactMap
    {
        try? Solver(name: $0)
    }
}
