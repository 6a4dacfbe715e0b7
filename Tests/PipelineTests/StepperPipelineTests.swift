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

    @Test func whatCannotApplyToAFitIsRefused() throws {
        let file = folder.file("pairs.ld3")
        #expect(try shell("\(pairs) > \(file)").status == 0)
        for (options, told) in [
            ("--solver euler", "--solver"), ("--method dmn", "--method"), ("--method gits", "--method"),
            ("--method ays", "--method"), ("--method d-ode", "--method"), ("--method ggdm", "--method"),
            ("--learn times,coefficients", "--learn"), ("--learn times", "--method ld3 learns times and model times"),
            ("--mode lambda", "--mode"), ("--loss perceptual", "--loss: perceptual compares"),
            ("--features mnist32", "--features"),
            ("--lpips-weights vgg.pth", "--lpips-weights"), ("--lpips-linear vgg.pth", "--lpips-linear"),
            ("--compat-divisor", "--compat-divisor"), ("--ridge 1", "--ridge"),
            ("--own-coefficients", "--own-coefficients"),
            ("--method heuristic --radius 1", "--radius"), ("--without-savings r2,r3", "--without-savings"),
            ("--gradient differences --latent-step 1", "--latent-step"),
            ("--gradient differences --latent-decay 1", "--latent-decay"),
            ("--gradient differences --soft-validation", "--soft-validation"),
            ("--export comfy --drop-model-times", "--export"), ("--gradient differences --radius 0.1", "--radius"),
            ("--activations keep", "--activations"),
        ] {
            expectOneLine(try shell("ld3-fit -q --nfe 3 \(options) < \(file)"), status: 64, told)
        }
        for option in ["window 0.1", "compat-window", "model-learning-rate 0.1", "model-learning-rate-floor 0.1"] {
            expectOneLine(
                try shell("ld3-fit -q --nfe 3 --allow-other-model --\(option) < \(file)", "tied"), status: 64,
                "--\(option.split(separator: " ")[0]): is about model times, which the sampler does not take")
        }
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

    /// Samples are finite in F64 and infinite in F32, which the stream holds.
    @Test func samplesBeyondF32NameTheSeed() throws {
        for program in ["ld3-sample --schedule uniform --nfe 3", "ld3-teacher --schedule uniform --steps 3"] {
            let result = try shell("ld3-noise --seeds 7 | \(program) -q", "huge")
            expectOneLine(result, status: 70, "seed 7, step 2, t = 0.5: the network returned NaN or infinity")
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
