import Formats
import Foundation
import TensorStream
import TestSupport
import Testing

/// The whole pipe with samplers in another process.
@Suite(.enabled(if: Programs.exists("python3"), "python3 is not there"))
struct StepperPipelineTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func model(_ words: String = "") -> String {
        "exec:python3 '\(Fixtures.path("foreign/stepper.py"))' '\(Fixtures.root)/scripts' \(words)"
    }

    private func shell(_ script: String, _ words: String = "") throws -> Programs.Result {
        try Programs.shell(script, environment: ["LD3_MODEL": model(words)])
    }

    private let pairs = "ld3-noise --seeds 0-19 --labels balanced | ld3-teacher -q --schedule uniform --steps 24"

    private func expectOneLine(_ result: Programs.Result, status: Int32, _ told: String) {
        #expect(result.status == status, "\(result.errors)")
        #expect(result.output.isEmpty && result.errors.contains(told), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    }

    @Test func pairsHaveTheSamplesShape() throws {
        let result = try shell(pairs)
        #expect(result.status == 0, "\(result.errors)")
        let frames = try streamFrames(result.output)
        #expect(frames[0].metadata["ld3.process"] == "interval:2.0,0.5")
        #expect(try frames.allSatisfy { try $0.tensor("target").shape.dropFirst() == [3] })
        #expect(try frames.allSatisfy { try $0.tensor("noise").shape.dropFirst() == [2] })
    }

    @Test(arguments: ["pullback", "differences"])
    func aFitLowersTheLossOfTheSamples(gradient: String) throws {
        let schedule = folder.file("three.safetensors")
        let fit = try shell("\(pairs) | ld3-fit --nfe 3 --gradient \(gradient) > \(schedule)")
        #expect(fit.status == 0, "\(fit.errors)")
        #expect(fit.errors.contains(gradient == "pullback" ? "the sampler's own" : "differences of losses"))
        let file = try SafetensorsFile(path: schedule)
        #expect(file.metadata["ld3.solver"] == "foreign" && file.metadata["ld3.loss"] == "foreign")
        let times = try file.tensor("t").doubles()
        #expect(times.count == 4 && times[0] == 2 && times[3] == 0.5)
        func loss(_ schedule: String) throws -> Double {
            let fresh = "ld3-noise --seeds 100-149 --labels balanced | ld3-teacher -q --schedule uniform --steps 24"
            let result = try shell("\(fresh) | ld3-sample -q --schedule \(schedule)")
            #expect(result.status == 0, "\(result.errors)")
            let losses = try streamFrames(result.output).flatMap { try $0.tensor("loss").doubles() }
            #expect(losses.count == 50)
            return losses.reduce(0, +) / 50
        }
        #expect(try loss(schedule) < loss("uniform --nfe 3"))
    }

    @Test func withoutPullbackAFitGoesOnByDifferences() throws {
        let fit = try shell("\(pairs) | ld3-fit --nfe 3 --format text", "no-pullback no-loss")
        #expect(fit.status == 0, "\(fit.errors)")
        #expect(fit.errors.contains("gradients are differences of losses"))
        #expect(fit.text.contains("foreign: 3 steps") && fit.text.contains("(l2)"))
        expectOneLine(
            try shell("\(pairs) | ld3-fit -q --nfe 3 --gradient pullback", "no-pullback"), status: 64, "no gradients")
    }

    @Test func aSamplerWithoutModelTimesIsFittedTied() throws {
        let fit = try shell("\(pairs) | ld3-fit -q --nfe 6", "tied evaluations=2")
        #expect(fit.status == 0, "\(fit.errors)")
        let frame = try #require(streamFrames(fit.output).first)
        #expect(try frame.tensor("t").doubles() == frame.tensor("t_model").doubles())
        #expect(frame.metadata["ld3.nfe"] == "6" && frame["t"]?.shape == [4])
    }

    @Test func theBestHeuristicIsFound() throws {
        let fit = try shell("\(pairs) | ld3-fit -q --method heuristic --nfe 3")
        #expect(fit.status == 0, "\(fit.errors)")
        #expect(
            ["uniform", "quadratic", "polynomial:3.0"].contains(try streamFrames(fit.output)[0].metadata["ld3.method"]))
    }

    @Test(arguments: [
        ("ld3-teacher --schedule uniform --solver euler", "--solver"),
        ("ld3-teacher --schedule logsnr", "noise levels"),
        ("ld3-teacher --schedule uniform --order 2", "--order"),
        ("ld3-teacher --schedule uniform --guidance 2", "--guidance"),
        ("ld3-teacher --schedule uniform --process edm", "--process"),
        ("ld3-sample --schedule uniform --nfe 3 --log-determinant", "--log-determinant"),
        ("ld3-sample --schedule edm --nfe 3", "noise levels"),
    ])
    func whatCannotApplyToASamplerIsRefused(program: String, told: String) throws {
        expectOneLine(try shell("ld3-noise --seeds 0-3 | \(program) -q"), status: 64, told)
    }

    @Test(arguments: [
        ("--solver euler", "--solver"), ("--method dmn", "--method"), ("--method gits", "--method"),
        ("--method ays", "--method"), ("--method d-ode", "--method"), ("--method ggdm", "--method"),
        ("--learn times,coefficients", "--learn"), ("--learn times", "--method ld3 learns times and model times"),
        ("--mode lambda", "--mode"), ("--loss perceptual", "--loss: perceptual compares"), ("--features mnist32", "--features"),
        ("--lpips-weights vgg.pth", "--lpips-weights"), ("--lpips-linear vgg.pth", "--lpips-linear"),
        ("--compat-divisor", "--compat-divisor"), ("--ridge 1", "--ridge"),
        ("--own-coefficients", "--own-coefficients"),
        ("--method heuristic --radius 1", "--radius"), ("--without-savings r2,r3", "--without-savings"),
        ("--gradient differences --latent-step 1", "--latent-step"),
        ("--gradient differences --latent-decay 1", "--latent-decay"),
        ("--gradient differences --soft-validation", "--soft-validation"),
        ("--export comfy --drop-model-times", "--export"), ("--gradient differences --radius 0.1", "--radius"),
        ("--activations keep", "--activations"),
    ])
    func whatCannotApplyToAFitIsRefused(options: String, told: String) throws {
        let file = folder.file("pairs.ld3")
        #expect(try shell("\(pairs) > \(file)").status == 0)
        expectOneLine(try shell("ld3-fit -q --nfe 3 \(options) < \(file)"), status: 64, told)
    }

    @Test(arguments: ["window 0.1", "compat-window", "model-learning-rate 0.1", "model-learning-rate-floor 0.1"])
    func optionsOfModelTimesAreRefusedIfThereAreNone(option: String) throws {
        let fit = try shell("\(pairs) | ld3-fit -q --nfe 3 --\(option)", "tied")
        #expect(fit.status == 64 && fit.output.isEmpty, "\(fit.errors)")
        #expect(fit.errors.contains("is about model times, which the sampler does not take"), "\(fit.errors)")
    }

    /// The polish goes on from what the passes have found, with the sampler's gradients and without.
    @Test(arguments: ["", "no-pullback", "no-loss"])
    func thePolishLowersTheValidationLoss(words: String) throws {
        func lossAfter(_ options: String) throws -> Double {
            let fit = try shell("\(pairs) | ld3-fit -q --nfe 3 \(options)", words)
            #expect(fit.status == 0, "\(fit.errors)")
            return try #require(streamFrames(fit.output).first?.metadata["ld3.loss_after"].flatMap { Double($0) })
        }
        #expect(try lossAfter("") < 0.5 * lossAfter("--polish 0"))
    }

    /// Noises move only if the sampler tells their gradients, which is said whatever the options ask for.
    @Test func noisesThatStayAreTold() throws {
        let told = "noises stay where they are"
        let (moving, still) = (
            try shell("\(pairs) | ld3-fit --nfe 3 --radius 0.5"),
            try shell("\(pairs) | ld3-fit --nfe 3 --radius 0.5", "still")
        )
        #expect(moving.status == 0 && !moving.errors.contains(told), "\(moving.errors)")
        #expect(still.status == 0 && still.errors.ranges(of: told).count == 1, "\(still.errors)")
    }

    /// Samples are finite in F64, but the stream holds F32.
    @Test func samplesBeyondF32NameTheSeed() throws {
        for program in ["ld3-sample --schedule uniform --nfe 3", "ld3-teacher --schedule uniform --steps 3"] {
            let result = try shell("ld3-noise --seeds 7 | \(program) -q", "huge")
            expectOneLine(result, status: 70, "seed 7: the sampler's sample holds a number beyond the range of F32")
        }
    }

    @Test(arguments: ["shape", "type", "die", "missing", "cotangent-shape"])
    func aChildThatAnswersWronglyEndsTheRun(fault: String) throws {
        let file = folder.file("pairs.ld3")
        #expect(try shell("\(pairs) > \(file)").status == 0)
        let plot = folder.file("plot.png")
        let fit = try Programs.shell(
            "ld3-fit -q --nfe 3 --plot \(plot) --model \"$FAULTY\" < \(file)", environment: ["FAULTY": model(fault)])
        #expect(fit.status == 74 && fit.output.isEmpty, "\(fit.errors)")
        #expect(!FileManager.default.fileExists(atPath: plot))
        guard fault != "cotangent-shape" else { return }
        let sample = try shell("ld3-noise --seeds 0-3 | ld3-sample -q --schedule uniform --nfe 3", fault)
        expectOneLine(sample, status: 74, fault == "die" ? "out of luck" : "answered wrongly")
    }

    @Test func whatIsNotANumberNamesSeedAndStep() throws {
        let result = try shell("ld3-noise --seeds 7 | ld3-sample -q --schedule uniform --nfe 3", "nan")
        expectOneLine(result, status: 70, "seed 7, step 1")
    }

    /// A schedule names the command that it is for; only the user starts it.
    @Test func dataDoNotStartASampler() throws {
        let schedule = folder.file("three.safetensors")
        let mark = folder.file("ran")
        let fit = try Programs.shell(
            "\(pairs) | ld3-fit -q --nfe 3 --method heuristic > \(schedule)",
            environment: ["LD3_MODEL": "exec:touch \(mark); " + model().dropFirst("exec:".count)])
        #expect(fit.status == 0, "\(fit.errors)")
        #expect(try Programs.shell("rm \(mark)").status == 0)
        let sample = try Programs.shell("ld3-noise --seeds 0-3 --shape 2 | ld3-sample -q --schedule \(schedule)")
        expectOneLine(sample, status: 65, "a command, which data cannot run")
        #expect(!FileManager.default.fileExists(atPath: mark))
        // A denoiser of ours does not take it.
        let other = try Programs.shell(
            "ld3-noise --seeds 0-3 --shape 8 | ld3-sample -q --allow-other-model --schedule \(schedule) --model gaussian:shape=8"
        )
        #expect(other.status == 65 && other.output.isEmpty, "\(other.errors)")
    }

    /// Pairs and samples do not depend on how they are put into batches.
    @Test func theBatchChangesNoBit() throws {
        let (whole, parts) = (try shell(pairs), try shell("\(pairs) --batch 3"))
        #expect(whole.status == 0 && parts.status == 0)
        #expect(try streamRows(whole.output, of: "target") == streamRows(parts.output, of: "target"))
    }
}

/// The stepper of docs/STREAM.md and those of examples/.
@Suite struct StepperExampleTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(.enabled(if: Programs.exists("cc"), "there is no C compiler")) func plainCWithoutGradients() throws {
        let program = folder.file("eight_points")
        let compiled = try Programs.shell("cc -O2 -o \(program) \(Fixtures.root)/examples/eight_points.c -lm")
        #expect(compiled.status == 0, "\(compiled.errors)")
        let teacher = "ld3-teacher -q --schedule uniform --nfe 64"
        let result = try Programs.shell(
            """
            ld3-noise --seeds 0-19 | \(teacher) | ld3-fit -q --nfe 4 > \(folder.file("four"))
            ld3-noise --seeds 100-149 | \(teacher) | ld3-sample -q --schedule \(folder.file("four")) > \(folder.file("learned"))
            ld3-noise --seeds 100-149 | \(teacher) | ld3-sample -q --schedule uniform --nfe 4 > \(folder.file("uniform"))
            """, environment: ["LD3_MODEL": "exec:\(program)"])
        #expect(result.status == 0, "\(result.errors)")
        func error(_ name: String) throws -> Double {
            let frame = try SafetensorsFile(path: folder.file(name))
            let (image, target) = (try frame.tensor("image").doubles(), try frame.tensor("target").doubles())
            return zip(image, target).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        #expect(try error("learned") < error("uniform"))
    }

    /// Root mean square and share within 2 Angstrom of 1,200 poses along a schedule.
    private func docking(_ schedule: String, _ model: [String: String]) throws -> (rms: Double, within2: Double) {
        let judged = folder.file("judged.ld3")
        if !FileManager.default.fileExists(atPath: judged) {
            let noise = "ld3-noise --seeds 10000-11199 --labels balanced"
            let made = try Programs.shell(
                "\(noise) | ld3-teacher -q --schedule uniform --steps 18 > \(judged)", environment: model)
            #expect(made.status == 0, "\(made.errors)")
        }
        let result = try Programs.shell("ld3-sample -q --schedule \(schedule) < \(judged)", environment: model)
        #expect(result.status == 0, "\(result.errors)")
        let losses = try streamFrames(result.output).flatMap { try $0.tensor("loss").doubles() }
        #expect(losses.count == 1200)
        let count = Double(losses.count)
        return ((losses.reduce(0, +) / count).squareRoot(), Double(losses.count { $0 < 4 }) / count)
    }

    /// Ten pairs are enough, with the sampler's gradients and without any. The numbers are those of docs/RESULTS.md.
    @Test(.enabled(if: Python.imports("numpy"), "python3 with numpy is not there ($PYTHON names another)"))
    func aRigidBodyDocks() throws {
        let command = "exec:\(Python.command) '\(Fixtures.root)/examples/rigid_docking.py'"
        let model = ["LD3_MODEL": command]
        #expect(abs(try docking("uniform --nfe 6", model).rms - 4.637) < 1e-3)
        #expect(abs(try docking("quadratic --nfe 6", model).rms - 8.984) < 1e-3)
        for variables in [model, ["LD3_MODEL": "exec:LD3_PULLBACK=no " + command.dropFirst("exec:".count)]] {
            let schedule = folder.file("six.safetensors")
            let pairs = "ld3-noise --seeds 0-9 --labels balanced | ld3-teacher -q --schedule uniform --steps 18"
            let fit = try Programs.shell(
                "\(pairs) | ld3-fit -q --nfe 6 > \(schedule)", environment: variables)
            #expect(fit.status == 0, "\(fit.errors)")
            let reached = try docking(schedule, variables)
            #expect(reached.rms <= 2.5 && reached.within2 >= 0.95, "\(reached)")
        }
    }

    /// -1 means no label, and no receptor either.
    @Test(.enabled(if: Python.imports("numpy"), "python3 with numpy is not there ($PYTHON names another)"))
    func aPoseWithoutAReceptorIsRefused() throws {
        let model = ["LD3_MODEL": "exec:\(Python.command) '\(Fixtures.root)/examples/rigid_docking.py'"]
        let unlabel = try folder.write(
            """
            import sys
            sys.path.insert(0, sys.argv[1])
            from ld3_stream import frames
            for frame in frames():
                frame["label"] = 0 * frame["label"].numpy() - 1
                frame.write()
            """.utf8, to: "unlabel.py")
        for noise in [
            "ld3-noise --seeds 0-3",
            "ld3-noise --seeds 0-3 --labels balanced | \(Python.command) \(unlabel) '\(Fixtures.root)/scripts'",
        ] {
            let result = try Programs.shell(
                "\(noise) | ld3-teacher -q --schedule uniform --steps 2", environment: model)
            #expect(result.status == 74 && result.output.isEmpty, "\(result.errors)")
            #expect(result.errors.contains("ld3-noise --labels draws them"), "\(result.errors)")
        }
    }

    /// scripts/ld3_stream.py says which types it cannot give or take; the order of bytes is the stream's.
    @Test(.enabled(if: Python.imports("numpy"), "python3 with numpy is not there ($PYTHON names another)"))
    func typesOfTheStreamInPython() throws {
        let script = try folder.write(
            """
            import array, sys
            sys.path.insert(0, sys.argv[1])
            import numpy
            from ld3_stream import Tensor
            def told(function):
                try:
                    return function()
                except TypeError as error:
                    return error
            print(told(Tensor("BF16", (2,), bytes(4)).numpy))
            print(told(Tensor("F16", (2,), bytes(4)).values))
            print(told(lambda: Tensor.of(numpy.zeros(2, complex))))
            print(told(lambda: Tensor.of(array.array("u", "ab"))))
            print(list(Tensor.of(numpy.array([1, -2], ">f4")).values()), Tensor("F16", (1,), b"\\x00\\x3c").numpy())
            print(Tensor.of(array.array("f", [1]), ()).shape)
            """.utf8, to: "types.py")
        let result = try Programs.shell("\(Python.command) \(script) '\(Fixtures.root)/scripts'")
        #expect(
            result.text == """
                NumPy has no type for BF16: the tensor's bytes are in its `data`
                array.array has no type for F16: the tensor's bytes are in its `data`
                a stream has no type for `complex128` of NumPy
                a stream has no type for `u` of array.array
                [1.0, -2.0] [1.]
                ()

                """, "\(result.errors)")
    }

    @Test(.enabled(if: Python.imports("numpy"), "python3 with numpy is not there ($PYTHON names another)"))
    func theSamplerOfThePage() throws {
        let page = String(decoding: try Fixtures.contents(ofDocument: "docs/STREAM.md"), as: UTF8.self)
        let start = try #require(page.range(of: "\"\"\"halving.py"))
        let end = try #require(page.range(of: "```", range: start.lowerBound..<page.endIndex))
        let path = try folder.write(page[start.lowerBound..<end.lowerBound].utf8, to: "halving.py")
        let result = try Programs.shell(
            "ld3-noise --seeds 0-19 | ld3-teacher -q --schedule uniform --steps 8",
            environment: ["LD3_MODEL": "exec:PYTHONPATH='\(Fixtures.root)/scripts' \(Python.command) \(path)"])
        #expect(result.status == 0, "\(result.errors)")
        let frame = try #require(streamFrames(result.output).first)
        let (noise, target) = (try frame.tensor("noise").doubles(), try frame.tensor("target").doubles())
        for (x, y) in zip(noise, target) { #expect(abs(y - (1 + (x - 1) / 16)) < 1e-5) }
    }

    /// The adapter of DiffDock with a stand-in that has DiffDock's functions.
    @Test(
        .enabled(
            if: Python.imports("numpy, torch"), "python3 with torch and numpy is not there ($PYTHON names another)"))
    func theAdapterOfDiffDock() throws {
        let command = "\(Python.command) '\(Fixtures.path("foreign/docking.py"))' '\(Fixtures.root)/examples'"
        let check = try Programs.shell("\(command) check")
        #expect(check.status == 0 && check.text.contains("all is well"), "\(check.errors)")
        let result = try Programs.shell(
            "ld3-noise --seeds 0-9 --labels balanced | ld3-teacher -q --schedule uniform --steps 18 | ld3-fit -q --nfe 4 --rounds 1,1",
            environment: ["LD3_MODEL": "exec:\(command)"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(try streamFrames(result.output).first?.metadata["ld3.loss"] == "foreign")
    }
}
