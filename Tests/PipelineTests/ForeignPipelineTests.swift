import Formats
import TensorStream
import TestSupport
import Testing

/// Runs the whole pipeline on a Gaussian mixture that a Python child serves, and on the same mixture built in.
@Suite(.enabled(if: Programs.exists("python3"), "python3 is not there"))
struct ForeignPipelineTests {
    private let folder: TemporaryFolder
    private let native: String
    private let foreign: String

    init() throws {
        folder = try TemporaryFolder()
        let path = try folder.write(
            Frame(tensors: [
                NamedTensor(name: "mixture/weights", shape: [3], doubles: [0.2, 0.5, 0.3]),
                NamedTensor(
                    name: "mixture/means", shape: [3, 3], doubles: [1, 0, -1, 0.5, -0.5, 0.25, -1, 1, 0.75]),
                NamedTensor(
                    name: "mixture/stds", shape: [3, 3], doubles: [0.3, 0.4, 0.2, 0.6, 0.5, 0.3, 0.25, 0.2, 0.35]),
            ]).image, to: "mixture.safetensors")
        native = "gmm:\(path)"
        foreign = "exec:python3 \(Fixtures.path("foreign/mixture.py")) \(Fixtures.root)/scripts \(path)"
    }

    private func fit(_ model: String, _ options: String = "") throws -> Programs.Result {
        try Programs.shell(
            "ld3-noise --seeds 0-19 | ld3-teacher -q | ld3-fit -q --nfe 4 \(options)", environment: ["LD3_MODEL": model]
        )
    }

    @Test func theScheduleIsThatOfTheNativeModel() throws {
        let (ours, theirs) = (try fit(native), try fit(foreign))
        #expect(ours.status == 0 && theirs.status == 0, "\(ours.errors)\(theirs.errors)")
        let (a, b) = (try streamFrames(ours.output)[0], try streamFrames(theirs.output)[0])
        for name in ["t", "t_model"] {
            for (x, y) in zip(try a.tensor(name).doubles(), try b.tensor(name).doubles()) {
                #expect(abs(x - y) <= 1e-6 * abs(x), "\(name)")
            }
        }
        #expect(b.metadata["ld3.model"] == foreign && b.metadata["ld3.model_sha256"] == nil)
    }

    /// The schedule names the command, but only the user's own word starts it.
    @Test func samplingAlongThatScheduleStartsTheChildAgain() throws {
        let schedule = try folder.write(try fit(foreign).output, to: "four.safetensors")
        let result = try Programs.shell(
            "ld3-noise --seeds 100-104 --shape 3 | ld3-sample -q --schedule \(schedule) --model '\(foreign)'")
        let own = try Programs.shell(
            "ld3-noise --seeds 100-104 --shape 3 | ld3-sample -q --schedule \(schedule) --model '\(native)'")
        #expect(result.status == 0 && own.status == 0, "\(result.errors)\(own.errors)")
        for (seed, bytes) in try streamRows(own.output, of: "image") {
            let other = try #require(try streamRows(result.output, of: "image")[seed])
            let values = [bytes, other].map { bytes in
                bytes.withUnsafeBytes { raw in
                    (0..<3).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
                }
            }
            for (x, y) in zip(values[0], values[1]) { #expect(abs(x - y) < 1e-5) }
        }
    }

    /// A method that only solves needs no gradients of the network.
    @Test func aHeuristicNeedsNoPullback() throws {
        let result = try fit(foreign + " no-pullback", "--method heuristic --format json")
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test func withoutPullbackAFitStopsWithOneLine() throws {
        let result = try fit(foreign + " no-pullback")
        #expect(result.status == 64 && result.output.isEmpty)
        #expect(result.errors.split(separator: "\n").count == 1 && result.errors.contains("ld3.pullback false"))
    }

    @Test func differencesFitADenoiserWithoutPullback() throws {
        let result = try fit(foreign + " no-pullback", "--gradient differences --rounds 1,1 --format json")
        #expect(result.status == 0, "\(result.errors)")
        let json = try JSONValue(parsing: result.output)
        #expect(json["pullbacks"]?.integer == 0)
        #expect(try #require(json["loss_after"]?.double) < #require(json["loss_before"]?.double))
    }

    @Test(arguments: [
        ("--activations keep", "--activations"), ("--learn times", "--method ld3 learns times and model times"),
        ("--method d-ode", "--method d-ode: cannot be used"),
    ])
    func whatDifferencesDoNotUseIsRefused(options: String, told: String) throws {
        let result = try fit(foreign + " no-pullback", "--gradient differences \(options)")
        #expect(result.status == 64 && result.output.isEmpty && result.errors.contains(told), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    }

    @Test func aChildThatDiesWhileFittingIsTold() throws {
        let pairs = "ld3-noise --seeds 0-19 --shape 3 | ld3-teacher -q --model '\(native)'"
        let result = try Programs.shell(
            "\(pairs) | ld3-fit -q --nfe 4 --allow-other-model --model '\(foreign) crash 9'")
        #expect(result.status == 74 && result.errors.contains("out of luck"), "\(result.errors)")
        #expect(result.output.isEmpty && result.errors.split(separator: "\n").count == 1)
    }
}
