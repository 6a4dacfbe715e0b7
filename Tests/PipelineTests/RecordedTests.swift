import Formats
import TestSupport
import Testing

/// The programs record a run's settings, so that later stages work with the same network, guidance and prompts.
struct RecordedTests {
    private let folder: TemporaryFolder

    /// A copy of the embedded latent diffusion model, `model.safetensors`, and its configuration with a U-Net that predicts
    /// velocities, `v.json`.
    init() throws {
        folder = try TemporaryFolder()
        let file = try Fixtures.contents(ofDocument: "Sources/Shared/Models/Resources/digits64-sd.safetensors")
        try folder.write(file, to: "model.safetensors")
        let configuration = try #require(Safetensors.parse(file).metadata["config"])
        let velocity = configuration.replacing("\"parameterization\": \"eps\"", with: "\"parameterization\": \"v\"")
        try #require(velocity != configuration)
        try folder.write(velocity.utf8, to: "v.json")
    }

    private func shell(_ command: String) throws -> Programs.Result {
        try Programs.shell("cd '\(folder.path)' && \(command)")
    }

    private func run(_ command: String) throws -> Programs.Result {
        let result = try shell(command)
        try #require(result.status == 0, "\(command): \(result.errors)")
        return result
    }

    private func expectOneLine(_ command: String, _ status: Int32, _ words: String...) throws {
        let result = try shell(command)
        #expect(
            result.status == status && result.errors.split(separator: "\n").count == 1, "\(command): \(result.errors)")
        for word in words { #expect(result.errors.contains(word), "\(command): \(result.errors)") }
    }

    private static let noise = "ld3-noise -n 4 --model model.safetensors --prompt 'a red seven' --prompt 'a green 3'"
    private static let teach = "ld3-teacher -q --schedule uniform --solver ddim --nfe 3"
    private static let fit = "ld3-fit -q --solver ddim --nfe 2 --method heuristic --heuristics uniform --loss l2"
    private static let sample = "ld3-sample -q --latents"

    @Test func aStageWithoutTheArchitectureOfTheFormerIsRefused() throws {
        _ = try run("\(Self.noise) > noise && \(Self.teach) < noise > pairs")
        _ = try run("\(Self.teach) --architecture v.json < noise > velocities && ! cmp -s pairs velocities")
        try expectOneLine("\(Self.fit) < velocities", 65, "standard input", "--architecture")
        try expectOneLine("\(Self.fit) --architecture v.json < pairs", 65, "--architecture", "--allow-other-model")
        try expectOneLine("cat pairs velocities | \(Self.fit)", 65, "ld3.architecture_sha256")
        _ = try run("\(Self.fit) --architecture v.json < velocities > fit.ld3")
        try expectOneLine("\(Self.sample) --schedule fit.ld3 < noise", 65, "fit.ld3: ", "--architecture")
        _ = try run("\(Self.sample) --schedule fit.ld3 --architecture v.json < noise > samples")
        #expect(try shell("\(Self.sample) --schedule fit.ld3 --allow-other-model < noise").status == 0)
        _ = try run("\(Self.fit) --architecture v.json --format json < velocities > fit.json")
        try expectOneLine("\(Self.sample) --schedule fit.json < noise", 65, "fit.json: ", "--architecture")
        try expectOneLine("\(Self.noise) --architecture v.json | \(Self.teach)", 65, "--architecture")
    }

    /// JSON keeps all that the stream of a schedule records, and is taken up in the same way, by --start too.
    @Test func documentsRecordWhatStreamsDo() throws {
        _ = try run("\(Self.noise) > noise && \(Self.teach) --guidance 3 < noise > pairs")
        _ = try run("\(Self.fit) < pairs > fit.ld3 && ld3-fit --schedule fit.ld3 --export json > exported.json")
        _ = try run("\(Self.fit) --format json < pairs > found.json")
        let samples = try run("\(Self.sample) --schedule fit.ld3 < noise")
        let frame = try streamFrames(samples.output)[0]
        #expect(frame.metadata["ld3.guidance"] == "3.0")
        for file in ["exported.json", "found.json"] {
            let other = try streamFrames(run("\(Self.sample) --schedule \(file) < noise").output)[0]
            #expect(try other.metadata["ld3.guidance"] == "3.0" && other.tensor("latent") == frame.tensor("latent"))
            let started = try run("\(Self.fit) --start \(file) --format json < pairs")
            #expect(started.text.contains("\"name\": \"\(file)\""), "\(started.text)")
        }
        let document = try JSONValue(file: folder.file("exported.json"))
        #expect(document["metadata"]?.members?.map(\.name) == ["ld3.guidance", "ld3.history"])
    }

    @Test func theOrderOfPartsChangesNoByteOfASchedule() throws {
        let first = "ld3-noise --seeds 0-1 --model model.safetensors --prompt 'a red seven' --negative-prompt blue"
        let second = "ld3-noise --seeds 4-6 --model model.safetensors --prompt 'a green 3'"
        for (noise, file) in [(first, "a"), (second, "b")] {
            _ = try run("\(noise) | \(Self.teach) --guidance 2 > \(file)")
        }
        let orders = try ["a b", "b a"].map { try run("cat \($0) | \(Self.fit)").output }
        #expect(orders[0] == orders[1])
        let metadata = try streamFrames(orders[0])[0].metadata
        #expect(metadata["ld3.prompts"] == nil && metadata["ld3.negative_prompt"] == nil)
        #expect(metadata["ld3.guidance"] == "2.0" && metadata["ld3.history"]?.contains("a red seven") == true)
    }

    @Test func aServedModelTellsItsGuidance() throws {
        let served = "--model 'exec:ld3-teacher --serve -q --guidance 3 --model model.safetensors'"
        _ = try run("\(Self.noise) > noise && \(Self.teach) --guidance 3 < noise > direct")
        _ = try run("\(Self.teach) \(served) < noise > pairs && \(Self.teach) --guidance 3 \(served) < noise > same")
        let (direct, pairs) = (try run("cat direct").output, try run("cat pairs").output)
        #expect(try streamRows(pairs, of: "target") == streamRows(direct, of: "target"))
        #expect(try streamRows(run("cat same").output, of: "target") == streamRows(direct, of: "target"))
        #expect(try streamFrames(pairs)[0].metadata["ld3.guidance"] == "3.0")
        for guidance in ["1", "2"] {
            try expectOneLine(
                "\(Self.teach) --guidance \(guidance) \(served) < noise", 64, "--guidance", "guides itself")
        }
        _ = try run("\(Self.teach) < noise > plain")
        try expectOneLine("\(Self.fit) \(served) < plain", 65, "guidance 1.0, not with 3.0")
        let negative = try run("\(Self.noise) --negative-prompt blue | ld3-teacher --nfe 2 \(served)")
        #expect(negative.errors.contains("guides itself, so the negative prompt changes nothing"), "\(negative.errors)")
    }

    @Test func peopleAreToldOfModelGuidanceAndRuns() throws {
        _ = try run("\(Self.noise) | \(Self.teach) --guidance 3 > pairs && \(Self.fit) < pairs > fit.ld3")
        let text = try run("\(Self.fit) --format text < pairs").text
        let model = "\nmodel model.safetensors, guidance 3.0, an evaluation runs the network twice\n"
        #expect(text.contains(model), "\(text)")
        #expect(text.contains("\nmade by ld3-noise ") && text.contains(" | ld3-teacher ") && text.contains("a green 3"))
        for format in ["comfy", "diffusers-timesteps", "all"] {
            let export = try run("ld3-fit --schedule fit.ld3 --export \(format)")
            #expect(export.errors.contains("cfg 3.0"), "\(export.errors)")
        }
    }

    @Test func latentsOfTwoSizesAreCalledThat() throws {
        _ = try run("\(Self.noise) | \(Self.teach) > pairs")
        _ = try run("\(Self.noise.replacing("-n 4", with: "--seeds 4-7")) --shape 4,16,16 | \(Self.teach) > wide")
        for stage in [Self.fit, "\(Self.sample) --schedule uniform --nfe 2"] {
            try expectOneLine("cat pairs wide | \(stage)", 65, "[4, 16, 16], after others of [4, 8, 8]")
        }
    }

    /// The default grid of the teacher needs log-SNRs, which flows have not at their start.
    @Test func theTeacherSolvesFlowsByDefault() throws {
        let teach = "ld3-noise -n 2 --shape 3 | ld3-teacher --model gaussian:shape=3,std=0.5 --nfe 4"
        let (flow, diffusion) = (try run("\(teach) --process flow"), try run(teach))
        #expect(flow.errors.contains("along uniform") && diffusion.errors.contains("along logsnr"))
        try expectOneLine("\(teach) -q --process flow --schedule logsnr", 64, "finite log-SNR")
    }
}
