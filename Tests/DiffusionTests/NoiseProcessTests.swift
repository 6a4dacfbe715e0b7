import Diagnostics
import Diffusion
import Formats
import Schedules
import Tensors
import TestSupport
import Testing

/// The processes that the tests run through.
let everyProcess: [NoiseProcess] = [
    .edm, .edm(minimum: 0.01, maximum: 50), .vpLinear, .vpCosine, .vpDiscrete(.stableDiffusion),
    .vpDiscrete(.latentDiffusion), .vpDiscrete(.pointCloud), .flow, .flow(shift: 3), .flow(shift: 0.4),
]

/// Returns times inside the process, away from the knots of a table.
func times(of process: NoiseProcess) -> [Double] {
    [0.9304, 0.6107, 0.3137, 0.1043, 0.0123].map { process.end + $0 * (process.start - process.end) }
}

@Suite struct NoiseProcessTests {
    /// Values of the published formulas.
    @Test func oracles() {
        func expect(_ value: Double, _ oracle: Double) {
            #expect(abs(value - oracle) <= 2e-13 * abs(oracle))
        }
        let linear = NoiseProcess.vpLinear
        expect(linear.lambda(1e-3), 4.557714932729866)
        expect(linear.lambda(0.1), 1.078290592942433)
        expect(linear.lambda(0.5), -1.2275677344107871)
        expect(linear.lambda(1.0), -5.024978406659204)
        expect(linear.scaledSigma(1e-3), 0.010485992786703322)
        expect(linear.scaledSigma(1.0), 152.16697028394637)
        expect(NoiseProcess.edm.lambda(80.0), -4.382026634673881)
        expect(NoiseProcess.vpCosine.lambda(1e-3), 5.047494405730061)
        expect(NoiseProcess.vpCosine.lambda(0.9946), -4.777640469375063)
        let stable = NoiseProcess.vpDiscrete(.stableDiffusion)
        expect(stable.lambda(1.0), -2.682023850149251)
        expect(stable.lambda(1e-3), 3.5347119235125364)
        expect(stable.scaledSigma(1.0), 14.614641229333644)
        expect(NoiseProcess.vpDiscrete(.latentDiffusion).scaledSigma(1.0), 83.82249447302868)
    }

    @Test(arguments: ["ve", "vp_linear", "vp_cosine", "vp_discrete_sd", "vp_discrete_ldm"])
    func fixtureFunctions(name: String) throws {
        let file = try SafetensorsFile(path: Fixtures.path("schedules/heuristics.safetensors"))
        let processes: [String: NoiseProcess] = [
            "ve": .edm, "vp_linear": .vpLinear, "vp_cosine": .vpCosine,
            "vp_discrete_sd": .vpDiscrete(.stableDiffusion), "vp_discrete_ldm": .vpDiscrete(.latentDiffusion),
        ]
        let process = try #require(processes[name])
        func numbers(_ function: String) throws -> [Double] {
            try file.tensor("functions/\(name)/\(function)").doubles()
        }
        func compare(_ function: String, _ values: [Double]) throws {
            for (value, expected) in zip(values, try numbers(function)) {
                #expect(abs(value - expected) <= 1e-9 * max(1, abs(expected)), "\(name) \(function)")
            }
        }
        let t = try numbers("t")
        try compare("marginal_log_mean_coeff", t.map { process.logAlpha($0) })
        try compare("marginal_alpha", t.map { process.alpha($0) })
        try compare("marginal_std", t.map { process.sigma($0) })
        try compare("marginal_lambda", t.map { process.lambda($0) })
        try compare("inverse_lambda", t.map { process.time(lambda: process.lambda($0)) })
        try compare("lambda_min_max", [process.lambda(process.start), process.lambda(process.end)])
    }

    @Test func inversesAreExact() {
        for process in everyProcess {
            for t in times(of: process) {
                #expect(abs(process.time(lambda: process.lambda(t)) - t) <= 1e-12 * t, "\(process.spelling)")
                #expect(abs(process.time(scaledSigma: process.scaledSigma(t)) - t) <= 1e-12 * t)
            }
        }
    }

    /// Dual numbers against central differences, for every function of time.
    @Test func derivatives() {
        for process in everyProcess {
            let functions: [(String, (Double) -> Double, (Dual) -> Dual)] = [
                ("logAlpha", { process.logAlpha($0) }, { process.logAlpha($0) }),
                ("logAlphaRate", { process.logAlphaRate($0) }, { process.logAlphaRate($0) }),
                ("alpha", { process.alpha($0) }, { process.alpha($0) }),
                ("sigma", { process.sigma($0) }, { process.sigma($0) }),
                ("lambda", { process.lambda($0) }, { process.lambda($0) }),
                ("scaledSigma", { process.scaledSigma($0) }, { process.scaledSigma($0) }),
                ("noiseRate", { process.noiseRate($0) }, { process.noiseRate($0) }),
                ("scaledSigmaRate", { process.scaledSigmaRate($0) }, { process.scaledSigmaRate($0) }),
                ("time", { process.time(lambda: process.lambda($0)) }, { process.time(lambda: process.lambda($0)) }),
            ]
            for (name, value, dual) in functions {
                for t in times(of: process) {
                    let h = 1e-6 * t
                    let difference = (value(t + h) - value(t - h)) / (2 * h)
                    let slope = dual(.variable(t, index: 0, of: 1)).partial(0)
                    #expect(
                        abs(slope - difference) <= 1e-6 * max(1, abs(difference)),
                        "\(process.spelling) \(name) at \(t): \(slope), \(difference)")
                }
            }
        }
    }

    /// The rates are the derivatives that they claim to be.
    @Test func ratesAreDerivatives() {
        for process in everyProcess {
            for t in times(of: process) {
                let variable = Dual.variable(t, index: 0, of: 1)
                let sigmaRate = process.sigma(variable).partial(0)
                let drift = process.logAlpha(variable).partial(0)
                func close(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-11 * max(1, abs(b)) }
                #expect(close(process.logAlphaRate(t), drift))
                #expect(close(process.noiseRate(t), sigmaRate - drift * process.sigma(t)))
                #expect(close(process.scaledSigmaRate(t), process.scaledSigma(variable).partial(0)))
            }
        }
    }

    @Test func spelling() throws {
        for process in everyProcess { #expect(try NoiseProcess(spelling: process.spelling) == process) }
        for text in [
            "", "edm:", "edm:80", "edm:2,1", "edm:0,1", "vp", "vp-discrete", "vp-discrete:", "flow:1", "flow:",
            "flow:shift=", "flow:shift=0", "flow:shift=-1", "flow:shift=inf", "flow:shift=x",
            "flow:shift",
        ] {
            #expect(throws: Failure.self) { try NoiseProcess(spelling: text) }
        }
        #expect(throws: Failure.self) { try NoiseProcess(spelling: "vp-discrete:no-such-file") }
    }

    /// A shift K moves the times of a flow and none of its states: sigma(t) = K t / (1 + (K - 1) t).
    @Test func flowShift() throws {
        let process = try NoiseProcess(spelling: "flow:shift=3")
        #expect(process.sigma(0.5) == 0.75 && process.alpha(0.5) == 0.25 && process.scaledSigma(0.5) == 3)
        #expect((process.sigma(1.0), process.sigma(0.0)) == (1, 0))
        #expect(process.spelling == "flow:shift=3.0" && process.unshifted == .flow)
        #expect(try NoiseProcess(spelling: "flow:shift=1") == .flow && NoiseProcess.flow.unshifted == nil)
        for t in times(of: process) {
            #expect(abs(process.lambda(t) - NoiseProcess.flow.lambda(process.sigma(t))) < 1e-12)
            #expect(abs(process.time(listedSigma: process.listedSigma(t)) - t) < 1e-15)
        }
    }

    /// The infinite lambda of an end has no derivative, so that none becomes NaN.
    @Test func infiniteLambdaIsConstant() {
        for (process, t) in [(NoiseProcess.flow, 1.0), (.flow, 0), (.vpDiscrete(.pointCloud), 0), (.edm, 0)] {
            let lambda = process.lambda(Dual.variable(t, index: 0, of: 1))
            #expect(lambda.value == (t == 1 ? -.infinity : .infinity) && lambda.partial(0) == 0)
        }
    }

    /// A point cloud model's own noise levels are part of the name; the published ones need no numbers.
    @Test func pointCloudLevels() throws {
        let process = try NoiseProcess(spelling: "vp-discrete:point-cloud:40,0.001,0.05")
        #expect(process.spelling == "vp-discrete:point-cloud:40,0.001,0.05")
        #expect((process.start, process.end) == (1, 0))
        // The second knot has two factors 1 - beta.
        let second = 0.5 * (Double.log1p(-0.001) + Double.log1p(-0.001 - 0.049 / 39))
        #expect(abs(process.logAlpha(2.0 / 40) - second) < 1e-15)
        #expect(try NoiseProcess(spelling: "vp-discrete:point-cloud:100,0.0001,0.02") == .vpDiscrete(.pointCloud))
        for text in ["", "100", "1,0.1,0.2", "9,0.2,0.1", "9,0,0.1", "9,0.1,1", "9,0.1,x", "9,0.1,0.2,3"] {
            #expect(throws: Failure.self, "\(text)") { try NoiseProcess(spelling: "vp-discrete:point-cloud:\(text)") }
        }
    }
}

@Suite struct NoiseTableTests {
    /// Tables with a formula are found again by their names.
    @Test(arguments: [
        "linear:1000,0.0001,0.02", "linear:2,0.1,0.1", "cosine:1000", "cosine:2", "scaled-linear:9,0.1,0.2",
    ])
    func namesOfTables(name: String) throws {
        let process = try NoiseProcess(spelling: "vp-discrete:\(name)")
        #expect(process.spelling == "vp-discrete:\(name)")
        #expect(try NoiseProcess(named: process.spelling, in: "ld3.process") == process)
    }

    /// Nothing is left of the signal behind many large betas.
    @Test(arguments: [
        "cosine:1", "cosine:x", "cosine:", "cosine", "cosine:65537", "linear", "linear:1000,0.0001",
        "linear:10,-1e-4,0.02", "linear:10,nan,0.1", "linear:2000,0.9,0.99", "scaled-linear:65536,0.1,0.2",
    ])
    func tablesThatAreNone(name: String) {
        #expect { try NoiseProcess(spelling: "vp-discrete:\(name)") } throws: { ($0 as? Failure)?.status == .usage }
    }

    /// At a knot the rate is that of the segment above it, also if the time was rounded to single precision, either way.
    @Test(arguments: [NoiseTable.stableDiffusion, .latentDiffusion, .pointCloud])
    func theRateAtAKnot(table: NoiseTable) throws {
        let process = NoiseProcess.vpDiscrete(table)
        for knot in 1..<table.count {
            let t = Double(knot) / Double(table.count)
            let above =
                (process.logAlpha(t + 0.5 / Double(table.count)) - process.logAlpha(t)) * 2 * Double(table.count)
            for time in [t, Double(Float(t)), t - 0x1p-25, t + 0x1p-25, t - 1e-13] {
                #expect(abs(process.logAlphaRate(time) / above - 1) < 1e-9, "\(table.name), knot \(knot), \(time)")
            }
        }
    }

    /// The tables that the fixtures were made with, knot by knot.
    @Test func fixtureTables() throws {
        let file = try SafetensorsFile(path: Fixtures.path("schedules/heuristics.safetensors"))
        var recorded = [
            (NoiseTable.stableDiffusion, try file.tensor("alphas_cumprod/sd").doubles()),
            (.latentDiffusion, try file.tensor("alphas_cumprod/ldm").doubles()),
        ]
        let solvers = try SafetensorsFile(path: Fixtures.path("solvers/vp_discrete.safetensors"))
        recorded.append((.stableDiffusion, try solvers.tensor("alphas_cumprod").doubles()))
        for (table, values) in recorded {
            #expect(values.count == 1000)
            for (n, value) in values.enumerated() {
                let alpha = NoiseProcess.vpDiscrete(table).alpha(Double(n + 1) / 1000)
                #expect(abs(alpha * alpha - value) <= 1e-12 * value, "\(table.name) \(n)")
            }
        }
    }

    /// Four entries of iDDPM's cosine table are dropped, and the time N t - 1 that the model is told stays the index.
    @Test func clipping() throws {
        func bar(_ t: Double) -> Double {
            let cosine = Double.cos((t + 0.008) / 1.008 * .pi / 2)
            return cosine * cosine
        }
        var product = 1.0
        let table = try NoiseTable(
            name: "cosine",
            alphasCumprod: (0..<1000).map { n in
                product *= 1 - min(1 - bar(Double(n + 1) / 1000) / bar(Double(n) / 1000), 0.999)
                return product
            })
        #expect(table.count == 1000 && table.start == 0.996 && table.end == 0.001)
        let process = NoiseProcess.vpDiscrete(table)
        #expect(abs(process.lambda(process.start) + 5.0777557) < 1e-6)
        #expect(NoiseTable(cosine: 1000)?.alphasCumprod == table.alphasCumprod)
    }

    /// The point cloud's log alpha against sums of log(1 - beta), and against the knots of the model's own VarianceSchedule,
    /// which are in float32. Its end is the data themselves.
    @Test func pointCloud() {
        let process = NoiseProcess.vpDiscrete(.pointCloud)
        func logAlpha(_ k: Int) -> Double {
            (0..<k).reduce(0) { $0 + 0.5 * Double.log(1 - (1e-4 + 0.0199 * Double($1) / 99)) }
        }
        for k in 0...100 {
            let t = Double(k) / 100
            #expect(abs(process.logAlpha(t) - logAlpha(k)) <= 1e-12 * abs(logAlpha(k)), "k = \(k)")
            guard k < 100 else { continue }
            let slope = 100 * (logAlpha(k + 1) - logAlpha(k))
            for time in [t, 1 - Double(100 - k) / 100] {
                #expect(abs(process.logAlphaRate(time) - slope) <= 1e-9 * abs(slope), "k = \(k)")
            }
            let between = 0.7 * logAlpha(k) + 0.3 * logAlpha(k + 1)
            #expect(abs(process.logAlpha(t + 0.003) - between) <= 1e-12, "k = \(k)")
        }
        for (k, alphaBar) in [
            (0, 1), (1, 0.9998999834060669), (2, 0.999599039554596), (3, 0.9990971684455872), (50, 0.777180016040802),
            (99, 0.3709828555583954), (100, 0.36356320977211),
        ] {
            let alpha = process.alpha(Double(k) / 100)
            #expect(abs(alpha * alpha - alphaBar) <= 3e-7 * alphaBar, "k = \(k)")
        }
        #expect(process.start == 1 && process.end == 0 && process.priorScale == 1)
        #expect(process.alpha(0.0) == 1 && process.lambda(0.0) == .infinity)
        for zero in [process.sigma(0.0), process.scaledSigma(0.0), process.time(lambda: .infinity)] {
            #expect(zero == 0)
        }
        #expect(process.sigma(0.0).sign == .plus && process.scaledSigma(0.0).sign == .plus)
    }

    @Test func filesOfEveryForm() throws {
        let folder = try TemporaryFolder()
        let values = [0.99, 0.5, 0.1, 0.01]
        let tensor = NamedTensor(name: "alphas_cumprod", shape: [4], doubles: values)
        let paths = [
            try folder.write("0.99, 0.5\n0.1 1e-2\n".utf8, to: "a.txt"),
            try folder.write("[0.99, 0.5, 0.1, 0.01]".utf8, to: "a.json"),
            try folder.write(#"{"alphas_cumprod": [0.99, 0.5, 0.1, 0.01]}"#.utf8, to: "b.json"),
            try folder.write(NPY.serialize(tensor), to: "a.npy"),
            try folder.write(Safetensors.serialize(metadata: [:], tensors: [tensor]), to: "a.safetensors"),
        ]
        for path in paths {
            let process = try NoiseProcess(spelling: "vp-discrete:\(path)")
            #expect(process.end == 0.25 && process.start == 1)
            #expect(abs(process.alpha(0.5) - 0.5.squareRoot()) < 1e-15)
            #expect(process.spelling == "vp-discrete:\(path)")
        }
    }

    @Test(arguments: ["0.5", "0.5 0.6", "1.0 0.5", "0.5 0.0", "0.5 x", "0.5 nan", ""])
    func badTables(text: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(text.utf8, to: "table.txt")
        #expect(throws: Failure.self) { try NoiseProcess(spelling: "vp-discrete:\(path)") }
    }
}
