import Formats
import Foundation
import TensorStream
import TestSupport
import Testing

@Suite struct FitProgramTests {
    private let pairs: [UInt8]

    init() throws {
        let teach = "ld3-noise --seeds 0-31 --shape 8 | ld3-teacher -q --model gaussian:shape=8,std=0.5 --nfe 100"
        let result = try Programs.shell(teach)
        #expect(result.status == 0, "\(result.errors)")
        pairs = result.output
    }

    private func fit(_ arguments: String...) throws -> Programs.Result {
        try Programs.run("ld3-fit", arguments, input: pairs)
    }

    private func json(_ arguments: String...) throws -> JSONValue { try json(arguments) }

    private func json(_ arguments: [String]) throws -> JSONValue {
        let result = try Programs.run("ld3-fit", arguments + ["--format=json", "-q"], input: pairs)
        #expect(result.status == 0, "\(result.errors)")
        return try JSONValue(parsing: result.text)
    }

    @Test func theScheduleIsAStreamThatSamplingFollows() throws {
        let result = try fit("--solver=unipc", "--nfe=4", "--rounds=1,1")
        #expect(result.status == 0)
        let schedule = try Frame(parsing: result.output)
        #expect(schedule.metadata["ld3.kind"] == "schedule" && schedule.metadata["ld3.count"] == "1")
        #expect(schedule.metadata["ld3.method"] == "ld3" && schedule.metadata["ld3.nfe"] == "4")
        #expect(schedule.metadata["ld3.model"] == "gaussian:shape=8,std=0.5")
        let history = try Provenance(parsing: schedule.metadata["ld3.history"] ?? "")
        #expect(history.entries.map(\.program) == ["ld3-noise", "ld3-teacher", "ld3-fit"])
        let before = try #require(schedule.metadata["ld3.loss_before"].flatMap { Double($0) })
        let after = try #require(schedule.metadata["ld3.loss_after"].flatMap { Double($0) })
        #expect(after <= before)

        let folder = try TemporaryFolder()
        let file = try folder.write(result.output, to: "four.safetensors")
        let samples = try Programs.run("ld3-sample", ["--schedule", file], input: pairs)
        #expect(samples.status == 0, "\(samples.errors)")
        #expect(samples.errors.contains("4 evaluations"))
    }

    @Test(arguments: [["--rounds=1,1"], ["--learn=times,model-times,coefficients", "--iterations=2"]])
    func theSameRunGivesTheSameBytes(method: [String]) throws {
        let arguments = ["--solver=ipndm", "--nfe=4", "--seed=3"] + method
        let first = try Programs.run("ld3-fit", arguments, input: pairs)
        let other = try Programs.run(
            "ld3-fit",
            arguments + ["--batch=3", "--threads=1", "--activations=recompute", "--without-savings=r1,r2,r3,r4"],
            input: pairs)
        #expect(first.status == 0 && other.status == 0)
        #expect(first.output == other.output)
    }

    /// The command that docs/FITTING.md names finds the closed form.
    @Test func gaussianTimesAreTheClosedForm() throws {
        let result = try json(
            "--solver=euler", "--nfe=4", "--tied", "--hard", "--heuristics=edm,logsnr", "--train-batch=16",
            "--rounds=2000,0", "--learning-rate-floor=1e-8")
        let times = try #require(result["times"]?.doubles)
        for (time, optimum) in zip(times, [80, 1.19463, 0.49888, 0.20795, 0.002]) {
            #expect(abs(time / optimum - 1) < 1e-4)
        }
    }

    /// Expects that sampling finds each of the budgets in the file.
    private func expectSamples(along file: String, budgets: ClosedRange<Int>) throws {
        for budget in budgets {
            let samples = try Programs.run("ld3-sample", ["--schedule", file, "--nfe=\(budget)"], input: pairs)
            #expect(samples.status == 0, "\(samples.errors)")
            #expect(samples.errors.contains("\(budget) evaluations"))
        }
    }

    @Test func aRangeOfBudgetsIsOneFrameEach() throws {
        let result = try fit("--nfe=3-5", "--learn=times,model-times,coefficients", "--iterations=4", "--starts=1")
        #expect(result.status == 0, "\(result.errors)")
        let folder = try TemporaryFolder()
        let file = try folder.write(result.output, to: "range.safetensors")
        try expectSamples(along: file, budgets: 3...5)
        #expect(try Programs.run("ld3-sample", ["--schedule", file], input: pairs).status == 64)
    }

    /// Exported as JSON they are one array, which sampling chooses from; one alone is a document. The history tells --nfe.
    @Test func exportedBudgetsAreOneArray() throws {
        let options = ["--method=heuristic", "--export=json"]
        let result = try Programs.run("ld3-fit", options + ["--nfe=4,5"], input: pairs)
        #expect(result.status == 0, "\(result.errors)")
        let exported = try JSONValue(parsing: result.text)
        #expect(exported.elements?.count == 2)
        let folder = try TemporaryFolder(), file = try folder.write(result.output, to: "two.json")
        try expectSamples(along: file, budgets: 4...5)
        let single = try Programs.run("ld3-fit", options + ["--nfe=4"], input: pairs)
        let documents = try [exported.elements?.first, JSONValue(parsing: single.text)]
        let found = documents.map { $0?.members?.filter { $0.name != "metadata" } }
        #expect(found[0] == found[1])
    }

    /// GGDM over the samples' own elements; its cost is told, and pictures' features are refused for what is none.
    @Test func distributionsAreMatched() throws {
        let arguments = ["--method=ggdm", "--nfe=3", "--ggdm-iterations=5", "--ggdm-batch=8"]
        let result = try Programs.run("ld3-fit", arguments + ["--format=json", "-q"], input: pairs)
        #expect(result.status == 0, "\(result.errors)")
        let document = try JSONValue(parsing: result.text)
        let before = try #require(document["score_before"]?.double)
        let after = try #require(document["score_after"]?.double)
        #expect(after <= before && document["pullbacks"]?.integer == 5 * 8 * 2)
        let refused = try Programs.run("ld3-fit", arguments + ["--features=mnist32"], input: pairs)
        #expect(refused.status == 64 && refused.errors.contains("--features mnist32"), "\(refused.errors)")
    }

    @Test func tablesAreForPeople() throws {
        let table = try fit("--method=heuristic", "--nfe=4", "--format=text")
        #expect(table.status == 0)
        #expect(table.text.contains("4 steps, 4 evaluations, 5 times"))
        let terminal = try Programs.run(
            "ld3-fit", ["--method=heuristic", "--nfe=4"], input: pairs, standardOutput: .terminal)
        #expect(terminal.status == 0)
    }

    /// Every evaluation of the network counts: D(x_T; T) of the validation pairs, then the rest of their solves.
    @Test func theWorkIsTold() throws {
        let result = try json("--method=heuristic", "--heuristics=edm", "--nfe=4")
        #expect(result["forwards"]?.integer == 16 + 16 * 3 && result["pullbacks"]?.integer == 0)
        // The rating's evaluations do not count if a baseline does without them.
        let options = ["--nfe=4", "--heuristics=edm"]
        let dmn = try json(options + ["--method=dmn"])
        #expect(dmn["forwards"]?.integer == 0 && dmn["pullbacks"]?.integer == 0)
        let gits = try json(options + ["--method=gits", "--teacher-steps=10", "--warm-up=4"])
        #expect(gits["forwards"]?.integer == 4 * 10)
        // GGDM asks all pairs once, then scores the start and the end, and takes a step.
        let ggdm = try json(options + ["--method=ggdm", "--ggdm-iterations=1", "--ggdm-batch=8"])
        #expect(ggdm["forwards"]?.integer == 32 + (16 + 8 + 16) * 3)
    }

    /// The loss that leaving model times out costs is told, and asks for consent.
    @Test func exportsAreForOtherPrograms() throws {
        let list = try fit("--nfe=4", "--tied", "--rounds=1,0", "--export=comfy")
        #expect(list.status == 0, "\(list.errors)")
        let values = list.text.split(separator: ",").compactMap {
            Double($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        #expect(values.count == 5 && values.first == 80 && values.last == 0)

        let folder = try TemporaryFolder()
        let schedule = try fit("--nfe=4", "--rounds=0,2", "--solver=unipc")
        let file = try folder.write(schedule.output, to: "four.safetensors")
        let refused = try Programs.run("ld3-fit", ["--schedule", file, "--export=kdiffusion"])
        #expect(refused.status == 64 && refused.errors.contains("--drop-model-times"))
        let dropped = try Programs.run(
            "ld3-fit", ["--schedule", file, "--export=kdiffusion", "--drop-model-times", "--terminal=keep"])
        #expect(dropped.status == 0 && dropped.text.hasPrefix("[80"))
        let document = try Programs.run("ld3-fit", ["--schedule", file, "--export=json"])
        #expect(try JSONValue(parsing: document.text)["model_times"]?.doubles?.count == 5)
    }

    /// An export that would refuse the result is refused before a pair is read.
    @Test(arguments: [
        (["--export=comfy"], "--drop-model-times"), (["--export=comfy", "--method=ggdm", "--tied"], "coefficients"),
        (["--export=comfy", "--learn=times,model-times"], "model times"),
        (["--export=npy", "--learn=coefficients"], "coefficients"),
        (["--export=ld3-pt", "--method=d-ode"], "coefficients"),
        (["--export=npy", "--nfe=4-6", "--tied"], "one schedule only"),
        (["--export=ld3-pt", "--nfe=4,5"], "one sched"),
    ])
    func exportsAreRefusedBeforeTheFit(options: [String], word: String) throws {
        // Reading none would be status 65.
        let refused = try Programs.run("ld3-fit", options, input: [])
        #expect(refused.status == 64 && refused.errors.contains(word), "\(refused.errors)")
        #expect(refused.errors.split(separator: "\n").count == 1 && refused.output.isEmpty)
    }

    /// Options without an effect are refused.
    @Test(arguments: [
        (["--terminal=keep"], "--terminal"), (["--drop-model-times", "--tied"], "--drop-model-times"),
        (["--export=json", "--terminal=keep"], "--terminal"),
        (["--export=npy", "--terminal=append-zero"], "--terminal"),
        (["--export=ld3-pt", "--terminal=keep"], "--terminal"),
        (["--export=diffusers-timesteps", "--tied", "--terminal=replace-zero"], "--terminal"),
        (["--schedule=edm", "--nfe=4", "--export=comfy", "--method=ld3"], "--method"),
        (["--schedule=edm", "--nfe=4", "--export=comfy", "--learn=times"], "--learn"),
        (["--schedule=edm", "--nfe=4", "--export=comfy", "--format=json"], "--format"),
    ])
    func exportOptionsNeedAnEffect(options: [String], option: String) throws {
        let refused = try Programs.run("ld3-fit", options, input: [])
        #expect(refused.status == 64 && refused.errors.hasPrefix("ld3-fit: \(option): "), "\(refused.errors)")
        #expect(refused.errors.split(separator: "\n").count == 1 && refused.output.isEmpty)
    }

    /// With consent the loss is told as ever; a result that is tied needs none.
    @Test func exportsOfAFit() throws {
        let short = ["--nfe=3", "--solver=unipc", "--export=comfy"]
        let dropped = try Programs.run(
            "ld3-fit", short + ["--rounds=0,2", "--drop-model-times"], input: pairs)
        #expect(dropped.status == 0 && dropped.errors.contains("cannot carry"), "\(dropped.errors)")
        #expect(dropped.errors.contains("without "))
        for options in [["--rounds=1,0", "--polish=0"], ["--method=dmn"], ["--learn=times", "--iterations=1"]] {
            let result = try Programs.run("ld3-fit", short + options, input: pairs)
            #expect(result.status == 0, "\(result.errors)")
        }
        let single = try fit("--nfe=1", "--solver=ddim", "--export=comfy")
        #expect(single.status == 0, "\(single.errors)")
    }

    /// The perceptual loss of the embedded model lowers: gradients go through both networks.
    @Test func theEmbeddedModelIsFittedPerceptually() throws {
        let pairs = try Programs.shell("ld3-noise --seeds 0-5 | ld3-teacher -q --nfe 6").output
        let result = try Programs.run(
            "ld3-fit", ["-q", "--nfe=3", "--rounds=2,0", "--hard", "--loss=perceptual", "--format=json"], input: pairs)
        #expect(result.status == 0, "\(result.errors)")
        let json = try JSONValue(parsing: result.text)
        let before = try #require(json["loss_before"]?.double)
        let after = try #require(json["loss_after"]?.double)
        #expect(after < before)
        #expect(json["loss"]?.string == "perceptual")
    }

    @Test(arguments: [
        ("--nfe=0", 64), ("--nfe=5-3", 64), ("--method=ld4", 64), ("--learn=time", 64), ("--train=0", 64),
        ("--start=/does/not/exist", 66), ("--loss=l3", 64), ("--rounds=2", 64), ("--solver=unipd", 64),
        ("--heuristics=edn", 64), ("--sum-rule", 64), ("--own-coefficients", 64), ("--resample=3", 64),
    ])
    func mistakesAreToldInOneLine(option: String, status: Int32) throws {
        let result = try fit(option)
        #expect(result.status == status, "\(result.errors)")
        #expect(result.output.isEmpty)
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(result.errors.hasPrefix("ld3-fit: "))
    }

    /// Too few pairs are told with the first of them, since more parts may follow, and again at the end.
    @Test func tooFewPairsAreToldAtOnce() throws {
        let result = try fit("--train=40")
        let lines = result.errors.split(separator: "\n")
        #expect(result.status == 65 && result.output.isEmpty && lines.count == 2, "\(result.errors)")
        #expect(lines.first?.contains("another part must follow") == true, "\(result.errors)")
    }

    /// Each method of the table is one topic of the help or has no options of its own, and plain help is short.
    @Test func helpHasTopics() throws {
        let plain = try Programs.run("ld3-fit", ["--help"])
        #expect(plain.status == 0 && plain.text.contains("--nfe") && !plain.text.contains("--gits-metric"))
        let options = plain.text.split(separator: "\n").count { $0.hasPrefix("  --") || $0.hasPrefix("  -") }
        #expect(options < 30, "\(options)")
        for (topic, option) in [
            ("training", "--learning-rate"), ("gauss-newton", "--ridge"), ("gits", "--gits-metric"),
            ("ays", "--ays-sweeps"), ("d-ode", "--subdivisions"), ("ggdm", "--features"), ("export", "--terminal"),
            ("all", "--without-savings"),
        ] {
            let help = try Programs.run("ld3-fit", ["--help", topic])
            #expect(help.status == 0 && help.text.contains(option), "\(topic)")
        }
    }

    /// A process that ends without noise is fitted in time; methods that need a finite log-SNR are refused.
    @Test func pointClouds() throws {
        let taught = try Programs.shell(
            "ld3-noise --seeds 0-31 --shape 8 | ld3-teacher -q --model gaussian:shape=8,std=0.5 "
                + "--process vp-discrete:point-cloud --solver ddim --schedule uniform --steps 100")
        #expect(taught.status == 0, "\(taught.errors)")
        func fit(_ arguments: String...) throws -> Programs.Result {
            try Programs.run("ld3-fit", arguments + ["--nfe=4", "-q", "--format=json"], input: taught.output)
        }
        let result = try fit("--solver=ddim", "--rounds=1,1")
        #expect(result.status == 0, "\(result.errors)")
        let times = try #require(try JSONValue(parsing: result.text)["times"]?.doubles)
        #expect(times.count == 5 && times.first == 1 && times.last == 0)
        let general = try fit(
            "--solver=ddim", "--learn=times,model-times,coefficients", "--iterations=2", "--starts=2")
        #expect(general.status == 0, "\(general.errors)")
        // The last step, to a time without noise, is the data prediction of any solver.
        #expect(try fit("--solver=unipc", "--rounds=1,1").status == 0)
        for option in ["--mode=lambda", "--heuristics=edm,logsnr"] {
            let refused = try fit("--solver=ddim", option)
            #expect(refused.status == 64 && refused.errors.contains("vp-discrete:point-cloud"), "\(refused.errors)")
            #expect(refused.errors.split(separator: "\n").count == 1)
        }
        let edm = try Programs.run("ld3-fit", ["--nfe=4", "--method=heuristic", "-q"], input: pairs)
        let folder = try TemporaryFolder()
        let start = try folder.write(edm.output, to: "edm.safetensors")
        let refused = try fit("--solver=ddim", "--start", start)
        #expect(refused.status == 65 && refused.errors.contains("edm.safetensors: is for the process"))
    }

    @Test func badPairsAreRefused() throws {
        let truncated = try Programs.run("ld3-fit", ["--nfe=4"], input: Array(pairs.dropLast(10)))
        #expect(truncated.status == 65 && truncated.output.isEmpty)
        #expect(try Programs.run("ld3-fit", ["--nfe=4"], input: []).status == 65)
        let noise = try Programs.run("ld3-noise", ["-n4", "--shape=8"]).output
        #expect(try Programs.run("ld3-fit", ["--nfe=4"], input: noise).status == 65)
        let twice = try Programs.run("ld3-fit", ["--nfe=4"], input: pairs + pairs)
        #expect(twice.status == 65 && twice.errors.contains("twice"))
    }
}
