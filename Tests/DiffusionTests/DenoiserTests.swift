import Diagnostics
import Diffusion
import Tensors
import Testing

/// A fixed sequence of numbers around zero.
func numbers(_ count: Int, seed: Int = 1) -> [Double] {
    (0..<count).map { (index: Int) -> Double in
        let angle: Double = Double(17 * index + 5 * seed) + 0.3 * Double(index * index)
        return Double.cos(angle)
    }
}

@Suite struct DenoiserTests {
    static func denoisers(_ process: NoiseProcess) throws -> [any Denoiser<Double>] {
        let means = Tensor(shape: [3, 2, 2], elements: numbers(12))
        let deviations = Tensor(shape: [3, 2, 2], elements: numbers(12, seed: 2).map { 0.2 + 0.1 * $0 })
        var every: [any Denoiser<Double>] = [
            GaussianDenoiser(sampleShape: [2, 2], mean: 0.3, deviation: 0.4, process: process),
            try MixtureDenoiser(weights: [1, 2, 3], means: means, deviations: deviations, process: process),
            try PointsDenoiser(points: means, process: process),
            Guided(Labelled(base: GaussianDenoiser(sampleShape: [2, 2], process: process)), weight: 2.5),
        ]
        if !process.startsWithoutSignal {
            every.append(
                Transported(try MixtureDenoiser(weights: [1, 2, 3], means: means, deviations: deviations), to: process))
        }
        if let unshifted = process.unshifted {
            let base = try MixtureDenoiser<Double>(
                weights: [1, 2, 3], means: means, deviations: deviations, process: unshifted)
            every.append(Unshifted(base, under: process))
        }
        return every
    }

    /// Pullbacks against central differences in x and in t, for every denoiser under every process.
    @Test func pullbacks() throws {
        for process in everyProcess {
            for denoiser in try Self.denoisers(process) {
                for time in times(of: process) { try check(denoiser, process, at: time) }
            }
        }
    }

    private func check(_ denoiser: any Denoiser<Double>, _ process: NoiseProcess, at time: Double) throws {
        let scale = process.alpha(time) + process.sigma(time)
        let x = Tensor(shape: [2, 2, 2], elements: numbers(8, seed: 3).map { $0 * scale })
        let cotangent = Tensor(shape: [2, 2, 2], elements: numbers(8, seed: 4))
        let condition = Condition(classes: [0, 1])
        let clocks = [time, 0.9 * time + 0.1 * process.end]
        func value(_ x: Tensor<Double>, _ clocks: [Double]) throws -> Double {
            try denoiser.denoise(x, at: clocks, given: condition).dotProduct(cotangent)
        }
        let linearization = try denoiser.linearize(x, at: clocks, given: condition)
        #expect(linearization.value == (try denoiser.denoise(x, at: clocks, given: condition)))
        let pulled = try linearization.pullback(cotangent)
        for index in 0..<8 {
            let h = 1e-5 * scale
            var (above, below) = (x, x)
            above[index] += h
            below[index] -= h
            let difference = try (value(above, clocks) - value(below, clocks)) / (2 * h)
            #expect(abs(pulled.x[index] - difference) <= 1e-5 * max(1, abs(difference)), "\(type(of: denoiser)) x")
        }
        for index in 0..<2 {
            let h = 1e-6 * clocks[index]
            var (above, below) = (clocks, clocks)
            above[index] += h
            below[index] -= h
            let difference = try (value(x, above) - value(x, below)) / (2 * h)
            #expect(
                abs(pulled.times[index] - difference) <= 1e-5 * max(1, abs(difference)),
                "\(type(of: denoiser)) t, \(process.spelling) at \(time)")
        }
    }

    /// A mixture of one component is the Gaussian; points are a mixture of vanishing deviation.
    @Test func limits() throws {
        let x = Tensor(shape: [1, 4], elements: numbers(4))
        let gaussian = GaussianDenoiser<Double>(sampleShape: [4], mean: 0.3, deviation: 0.4)
        let single = try MixtureDenoiser<Double>(
            weights: [2], means: Tensor(shape: [1, 4], repeating: 0.3), deviations: Tensor(shape: [1], elements: [0.4]))
        let (a, b) = (try gaussian.denoise(x, at: [0.7], given: .none), try single.denoise(x, at: [0.7], given: .none))
        #expect(zip(a.elements, b.elements).allSatisfy { abs($0 - $1) < 1e-14 })
        let means = Tensor(shape: [2, 4], elements: numbers(8, seed: 5))
        let points = try PointsDenoiser<Double>(points: means)
        let narrow = try MixtureDenoiser<Double>(
            weights: [1, 1], means: means, deviations: Tensor(shape: [2], elements: [1e-9, 1e-9]))
        let (c, d) = (try points.denoise(x, at: [0.7], given: .none), try narrow.denoise(x, at: [0.7], given: .none))
        #expect(zip(c.elements, d.elements).allSatisfy { abs($0 - $1) < 1e-12 })
    }

    /// A denoiser of data under EDM's process and under VP is one function of the data.
    @Test func transportIsTheSameDenoiser() throws {
        let means = Tensor(shape: [2, 4], elements: numbers(8, seed: 5))
        let deviations = Tensor(shape: [2], elements: [0.2, 0.3])
        let x = Tensor(shape: [1, 4], elements: numbers(4))
        for process in everyProcess where !process.startsWithoutSignal {
            let direct = try MixtureDenoiser<Double>(
                weights: [1, 2], means: means, deviations: deviations, process: process)
            let carried = Transported(
                try MixtureDenoiser<Double>(weights: [1, 2], means: means, deviations: deviations), to: process)
            for t in times(of: process) {
                let (a, b) = (
                    try direct.denoise(x, at: [t], given: .none), try carried.denoise(x, at: [t], given: .none)
                )
                #expect(zip(a.elements, b.elements).allSatisfy { abs($0 - $1) < 1e-11 })
            }
        }
    }

    /// A denoiser that is told sigma makes under a shift what the denoiser of the shifted flow makes.
    @Test func unshiftedIsTheSameDenoiser() throws {
        let process = NoiseProcess.flow(shift: 3)
        func gaussian(_ process: NoiseProcess) -> GaussianDenoiser<Double> {
            GaussianDenoiser(sampleShape: [4], mean: 0.3, deviation: 0.4, process: process)
        }
        let x = Tensor(shape: [1, 4], elements: numbers(4))
        for t in times(of: process) {
            let direct = try gaussian(process).denoise(x, at: [t], given: .none)
            let told = try Unshifted(gaussian(.flow), under: process).denoise(x, at: [t], given: .none)
            #expect(zip(direct.elements, told.elements).allSatisfy { abs($0 - $1) < 1e-14 })
        }
    }

    /// Guidance extrapolates from the unconditional output through the conditional one.
    @Test func guidance() throws {
        let base = Labelled(base: GaussianDenoiser<Double>(sampleShape: [4]))
        let x = Tensor(shape: [2, 4], elements: numbers(8))
        let (clocks, condition) = ([0.7, 0.2], Condition(classes: [2, 0]))
        let conditional = try base.denoise(x, at: clocks, given: condition)
        let unconditional = try base.denoise(x, at: clocks, given: Condition(classes: [-1, -1]))
        let guided = try Guided(base, weight: 3).denoise(x, at: clocks, given: condition)
        for index in 0..<8 {
            let expected = unconditional[index] + 3 * (conditional[index] - unconditional[index])
            #expect(abs(guided[index] - expected) < 1e-14)
        }
        #expect(try Guided(base, weight: 1).denoise(x, at: clocks, given: condition) == conditional)
        #expect(
            try Guided(base, weight: 3).denoise(x, at: clocks, given: .none)
                == base.denoise(x, at: clocks, given: .none))
    }

    /// The network runs once for a sample if w = 1 or if there is nothing to be led towards, else twice.
    @Test(arguments: [(3, [2, 0], 2), (1, [2, 0], 1), (3, nil, 1)] as [(Double, [Int]?, Int)])
    func runsOfGuidance(weight: Double, classes: [Int]?, runs: Int) throws {
        let counter = EvaluationCounter()
        let base = CountingDenoiser(Labelled(base: GaussianDenoiser(sampleShape: [4])), counter: counter)
        let guided = Guided(base, weight: weight)
        let x = Tensor(shape: [2, 4], elements: numbers(8))
        _ = try guided.denoise(x, at: [0.7, 0.2], given: Condition(classes: classes))
        #expect(counter.count == EvaluationCount(forwards: 2 * runs))
        _ = try guided.linearize(x, at: [0.7, 0.2], given: Condition(classes: classes)).pullback(x)
        #expect(counter.count == EvaluationCount(forwards: 4 * runs, pullbacks: 2 * runs))
    }

    @Test func badMixtures() {
        let means = Tensor(shape: [2, 3], repeating: 0.0)
        for (weights, deviations) in [
            ([1.0], Tensor(shape: [2], repeating: 1.0)), ([1, 1], Tensor(shape: [3], repeating: 1.0)),
            ([1, 0], Tensor(shape: [2], repeating: 1.0)), ([1, 1], Tensor(shape: [2], repeating: 0.0)),
        ] {
            #expect(throws: Failure.self) {
                try MixtureDenoiser<Float>(weights: weights, means: means, deviations: deviations)
            }
        }
        #expect(throws: Failure.self) { try PointsDenoiser<Float>(points: Tensor(shape: [0, 3])) }
    }
}

/// Adds a tenth of the label + 1 to what the base says.
struct Labelled: Denoiser {
    let base: GaussianDenoiser<Double>
    var sampleShape: [Int] { base.sampleShape }
    var hasPullback: Bool { true }
    var labelCount: Int { 3 }

    private func shift(_ value: Tensor<Double>, _ labels: [Int]?) -> Tensor<Double> {
        var result = value
        for index in 0..<value.count { result[index] += 0.1 * Double((labels?[index / value.sampleCount] ?? -1) + 1) }
        return result
    }

    func denoise(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Tensor<Double> {
        shift(try base.denoise(x, at: times, given: condition), condition.classes)
    }

    func linearize(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Linearization<Double>
    {
        let inner = try base.linearize(x, at: times, given: condition)
        return Linearization(value: shift(inner.value, condition.classes), pullback: inner.pullback)
    }
}

extension Tensor<Double> {
    func dotProduct(_ other: Tensor<Double>) -> Double { zip(elements, other.elements).reduce(0) { $0 + $1.0 * $1.1 } }
}
