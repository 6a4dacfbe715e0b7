import Diagnostics
import Diffusion
import Formats
import Schedules
import Solvers
import TestSupport
import Testing

@Suite struct DiscretizationTests {
    /// The processes by their names in the fixtures.
    static let processes: [(String, NoiseProcess)] = [
        ("ve", .edm), ("vp_linear", .vpLinear), ("vp_cosine", .vpCosine),
        ("vp_discrete_sd", .vpDiscrete(.stableDiffusion)), ("vp_discrete_ldm", .vpDiscrete(.latentDiffusion)),
    ]
    static let skips: [(String, Discretization)] = [
        ("time_uniform", .uniform), ("time_quadratic", .quadratic), ("edm", .edmTime), ("logSNR", .logSNR),
        ("poly_3.0", .polynomial(rho: 3)),
    ]

    /// The tolerances for the official code's own logSNR grids in float32, in which 1 - alpha^2 cancels.
    static let singlePrecision = [
        "vp_linear": 2.3e-4, "vp_cosine": 6.5e-4, "vp_discrete_sd": 3.1e-5, "vp_discrete_ldm": 9.1e-6,
    ]

    /// Every grid of the official code for N = 4...20, as Double and in its own float32.
    @Test(arguments: processes.map(\.0)) func heuristics(name: String) throws {
        let file = try SafetensorsFile(path: Fixtures.path("schedules/heuristics.safetensors"))
        let process = try #require(Self.processes.first { $0.0 == name }?.1)
        for (skip, discretization) in Self.skips {
            let single = (skip == "logSNR" ? Self.singlePrecision[name] : nil) ?? 1.3e-6
            for (type, tolerance) in [("f64", 1e-9), ("f32", single)] {
                let rows = try file.tensor("\(type)/\(name)/\(skip)").doubles()
                for (row, steps) in (4...20).enumerated() {
                    let expected = Array(rows[row * 21..<row * 21 + steps + 1])
                    let times = try discretization.times(steps: steps, process: process)
                    for (time, value) in zip(times, expected) {
                        #expect(abs(time - value) <= tolerance * value, "\(type) \(name) \(skip) N = \(steps)")
                    }
                }
            }
        }
    }

    /// The grids on which the solver fixtures were computed.
    @Test(arguments: [("ve", NoiseProcess.edm), ("vp_linear", .vpLinear)])
    func gridsOfTheSolverFixtures(name: String, process: NoiseProcess) throws {
        let file = try SafetensorsFile(path: Fixtures.path("solvers/\(name).safetensors"))
        let grids = file.tensorNames.filter { $0.hasPrefix("t1/") }
        #expect(grids.count == 24)
        for grid in grids {
            let parts = grid.split(separator: "/").map(String.init)
            let discretization = try #require(Self.skips.first { $0.0 == parts[1] }?.1)
            let times = try discretization.times(steps: try #require(Int(parts[2].dropFirst())), process: process)
            for (time, expected) in zip(times, try file.tensor(grid).doubles()) {
                #expect(abs(time - expected) <= 1e-9 * expected, "\(grid)")
            }
        }
    }

    /// The grids of GITS' own code.
    @Test func gitsGrids() throws {
        let file = try SafetensorsFile(path: Fixtures.path("gits/gits.safetensors"))
        for (name, discretization) in [
            ("polynomial_rho7", Discretization.edm), ("logsnr_rho7", .logSNR), ("time_uniform_rho1", .vpTime(rho: 1)),
            ("time_uniform_rho2", .vpTime(rho: 2)),
        ] {
            for points in [5, 8, 11] {
                let expected = try file.tensor("get_schedule/\(name)/num_steps\(points)").doubles()
                let times = try discretization.times(steps: points - 1, process: .edm)
                for (time, value) in zip(times, expected) {
                    #expect(abs(time - value) <= 1e-9 * value, "\(name) \(points): \(time), \(value)")
                }
            }
        }
    }

    /// Values of the formulas for EDM's range.
    @Test func oracles() throws {
        func close(_ discretization: Discretization, _ steps: Int, _ expected: [Double]) throws {
            let times = try discretization.times(steps: steps, process: .edm)
            for (time, value) in zip(times, expected) { #expect(abs(time - value) <= 1e-5 * max(1, value)) }
            #expect(times.count == expected.count)
        }
        try close(.edm, 4, [80, 17.527832, 2.515219, 0.169753, 0.002])
        try close(.logSNR, 4, [80, 5.656854, 0.4, 0.028284, 0.002])
        try close(.arctan(deviation: 0.5), 5, [80, 1.51713, 0.68509, 0.36319, 0.16354, 0.002])
    }

    @Test func endpointsAndOrder() throws {
        let every: [Discretization] = [
            .uniform, .quadratic, .polynomial(rho: 3), .edm, .edmTime, .logSNR, .vpTime(rho: 1),
            .arctan(deviation: 0.5), .shift(3),
        ]
        for process in Self.processes.map(\.1) + [.flow, .flow(shift: 3), .edm(minimum: 0.01, maximum: 50)] {
            for discretization in every
            where !process.startsWithoutSignal || ![.edm, .logSNR, .vpTime(rho: 1)].contains(discretization) {
                for steps in [1, 2, 3, 7, 50] {
                    let times = try discretization.times(steps: steps, process: process)
                    #expect(times.count == steps + 1 && times[0] == process.start && times[steps] == process.end)
                    #expect(zip(times, times.dropFirst()).allSatisfy { $0 > $1 })
                }
            }
        }
        for discretization in [Discretization.logSNR, .edm, .vpTime(rho: 1)] {
            let failure = #expect(throws: Failure.self) { try discretization.times(steps: 4, process: .flow) }
            #expect(failure?.status == .usage && failure?.message.contains("finite log-SNR") == true)
        }
    }

    /// The values that flow models with shift 3 take for four steps, and even steps of t under a process with that shift.
    @Test func shift() throws {
        let expected = [1, 0.9, 0.75, 0.5, 0]
        let times = try Discretization.shift(3).times(steps: 4, process: .flow)
        #expect(zip(times, expected).allSatisfy { abs($0 - $1) < 1e-15 })
        let shifted = NoiseProcess.flow(shift: 3)
        let even = try Discretization.uniform.times(steps: 4, process: shifted)
        #expect(even == [1, 0.75, 0.5, 0.25, 0])
        #expect(zip(even, expected).allSatisfy { abs(shifted.sigma($0) - $1) < 1e-15 })
        #expect(try Discretization.shift(1).times(steps: 4, process: .flow) == even)
    }

    @Test func spellings() throws {
        for text in [
            "uniform", "quadratic", "polynomial:3.0", "edm", "edm-time", "logsnr", "vp-time:2.0", "arctan:0.5",
            "shift:3.0",
        ] {
            let discretization = try #require(try Discretization(spelling: text))
            #expect(discretization.spelling == text)
        }
        #expect(try Discretization(spelling: "five.safetensors") == nil)
        for text in [
            "polynomial", "polynomial:", "polynomial:-1", "arctan:x", "shift", "shift:0", "shift:-2", "shift:nan",
        ] {
            #expect(throws: (any Error).self) { try Discretization(spelling: text) }
        }
    }
}
