import Diffusion
import Fitting
import FittingTestSupport
import Formats
import Tensors
import TestSupport
import Testing

@Suite struct ParameterizationTests {
    /// Golden values of the closed form (docs/methods/ld3.md, "Times").
    @Test func goldenTimes() {
        let xi = [1, 0.5, 1.2, 0.8, 1.5]
        let times = Parameterization(process: .edm, steps: 4, mode: .lambda).times(xi)
        let expected = [80, 17.91658743627682, 0.8803369275167219, 0.1168056458017878, 0.002]
        for (time, value) in zip(times, expected) { #expect(abs(time - value) <= 1e-13 * value) }
        let uniform = Parameterization(process: .vpLinear, steps: 4, mode: .time).times(xi)
        let fractions = [1, 0.6165483699184903, 0.4261319257051526, 0.1420639713906644, 0.001]
        for (time, value) in zip(uniform, fractions) { #expect(abs(time - value) <= 1e-14) }
    }

    /// Values and derivatives equal those of the reference's own function (fixtures/schedules).
    @Test(arguments: ["ve", "vp_linear", "vp_cosine", "vp_discrete_sd", "vp_discrete_ldm"], ["time", "lambda"])
    func equalsTheReference(name: String, mode: String) throws {
        let file = try SafetensorsFile(path: Fixtures.path("schedules/parametrisation.safetensors"))
        for steps in [5, 10] {
            var parameterization = Parameterization(
                process: try process(name), steps: steps, mode: try #require(.init(rawValue: mode)))
            parameterization.windowOfLogits = true
            let prefix = "\(name)/\(mode)/n\(steps)"
            func read(_ tensor: String) throws -> [Double] { try file.doubles("\(prefix)/\(tensor)") }
            let (xi, offsets) = (try read("xi"), try read("xi_c"))
            let variables = (xi + offsets).enumerated().map {
                Dual.variable($0.element, index: $0.offset, of: 2 * steps + 2)
            }
            let lists = parameterization.timeLists(
                Array(variables.prefix(steps + 1)), Array(variables.suffix(steps + 1)))
            let window = try read("max_move")[0]
            #expect(abs(parameterization.window(xi) - window) <= 1e-9 * window)
            expectClose(lists.times.map(\.value), try read("t1"))
            expectClose(lists.modelTimes.map(\.value), try read("t2"))
            let range = Array(0...steps)
            expectClose(lists.times.flatMap { t in range.map(t.partial) }, try read("d_t1_d_xi"))
            expectClose(lists.modelTimes.flatMap { t in range.map(t.partial) }, try read("d_t2_d_xi"))
            expectClose(
                lists.modelTimes.flatMap { t in range.map { t.partial(steps + 1 + $0) } }, try read("d_t2_d_xi_c"))
            let initial = parameterization.timeLists(
                [Double](repeating: 1, count: steps + 1), [Double](repeating: 0, count: steps + 1))
            expectClose(initial.times, try read("initial_t1"))
            expectClose(initial.modelTimes, try read("initial_t2"))
        }
    }

    @Test(arguments: Parameterization.Mode.allCases)
    func inverseIsExact(mode: Parameterization.Mode) {
        let parameterization = Parameterization(process: .edm, steps: 5, mode: mode)
        let times = [80, 13.5, 2.75, 0.61, 0.07, 0.002]
        let xi = parameterization.inverse(times: times)
        #expect(xi[0] == 1)
        #expect(abs(xi.dropFirst().reduce(0, +) / 5 - 1) < 1e-14)
        let again = parameterization.times(xi)
        for (time, value) in zip(again, times) { #expect(abs(time - value) <= 1e-12 * value) }
        #expect(again.first == 80 && again.last == 0.002)
    }

    @Test(arguments: Parameterization.Mode.allCases)
    func modelTimesStayOrderedWhateverTheOffsets(mode: Parameterization.Mode) {
        let parameterization = Parameterization(process: .edm, steps: 6, mode: mode)
        var generator = SplitMix(seed: 7)
        for _ in 0..<50 {
            let xi = (0...6).map { _ in 3 * generator.uniform() }
            let offsets = (0...6).map { _ in 200 * generator.uniform() - 100 }
            let (times, modelTimes) = parameterization.timeLists(xi, offsets)
            for list in [times, modelTimes] {
                #expect(list.first == 80 && list.last == 0.002)
                #expect(zip(list, list.dropFirst()).allSatisfy { $0 >= $1 })
            }
        }
    }

    /// xi_0 is dead and a common shift of the others changes nothing.
    @Test func deadDirections() {
        let parameterization = Parameterization(process: .vpCosine, steps: 4, mode: .time)
        let times = parameterization.times([1, 0.2, 0.9, 1.4, 0.7])
        let shifted = parameterization.times([-5, 2.2, 2.9, 3.4, 2.7])
        for (time, other) in zip(times, shifted) { #expect(abs(time - other) < 1e-15) }
    }

    private func process(_ name: String) throws -> NoiseProcess {
        switch name {
        case "ve": .edm
        case "vp_linear": .vpLinear
        case "vp_cosine": .vpCosine
        case "vp_discrete_sd": .vpDiscrete(.stableDiffusion)
        default: .vpDiscrete(.latentDiffusion)
        }
    }
}

/// Expects equality to 1e-9 of the largest entry.
func expectClose(_ values: [Double], _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(values.count == expected.count, sourceLocation: sourceLocation)
    let scale = expected.map { abs($0) }.max() ?? 0
    for (value, other) in zip(values, expected) {
        #expect(abs(value - other) <= 1e-9 * scale, sourceLocation: sourceLocation)
    }
}
