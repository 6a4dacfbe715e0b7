import Diagnostics
import Diffusion
import Formats
import Models
import TensorStream
import Tensors
import TestSupport
import Testing

/// A Gaussian mixture in 3 dimensions, as a file and as our own denoiser.
struct SmallMixture {
    let folder: TemporaryFolder
    let path: String
    let native: MixtureDenoiser<Float>

    init() throws {
        let (weights, deviations) = ([0.2, 0.5, 0.3], [0.3, 0.4, 0.2, 0.6, 0.5, 0.3, 0.25, 0.2, 0.35])
        let means = [1, 0, -1, 0.5, -0.5, 0.25, -1, 1, 0.75]
        folder = try TemporaryFolder()
        path = try folder.write(
            Frame(tensors: [
                NamedTensor(name: "mixture/weights", shape: [3], doubles: weights),
                NamedTensor(name: "mixture/means", shape: [3, 3], doubles: means),
                NamedTensor(name: "mixture/stds", shape: [3, 3], doubles: deviations),
            ]).image, to: "mixture.safetensors")
        native = try MixtureDenoiser(
            weights: weights, means: Tensor(shape: [3, 3], elements: means),
            deviations: Tensor(shape: [3, 3], elements: deviations))
    }

    /// Returns a model that is the denoiser in Python, perhaps with a fault.
    func command(fault: String = "") -> String {
        "exec:python3 '\(Fixtures.path("foreign/mixture.py"))' '\(Fixtures.root)/scripts' '\(path)' \(fault)"
    }
}

@Suite(.enabled(if: Programs.exists("python3"), "python3 is not there"))
struct ForeignDenoiserTests {
    private let mixture: SmallMixture
    private let x = Tensor<Float>(shape: [2, 3], elements: [0.3, -0.2, 0.9, 4, -7, 1.5])
    private let times = [0.4, 6.0]

    init() throws { mixture = try SmallMixture() }

    @Test func valuesAndPullbackAreThoseOfTheNativeModel() throws {
        let foreign = try ModelCatalogue.open(mixture.command())
        #expect(foreign.sampleShape == [3])
        #expect(foreign.process == .edm)
        #expect(foreign.sha256 == nil)
        let cotangent = Tensor<Float>(shape: [2, 3], elements: [1, -0.5, 2, 0.25, 1, -1])
        let (ours, theirs) = (
            try mixture.native.linearize(x, at: times, given: .none),
            try foreign.denoiser.linearize(x, at: times, given: .none)
        )
        #expect(relativeError(theirs.value.elements, ours.value.elements) <= 1e-6)
        let (a, b) = (try ours.pullback(cotangent), try theirs.pullback(cotangent))
        #expect(relativeError(b.x.elements, a.x.elements) <= 1e-6)
        #expect(relativeError(b.times.map(Float.init), a.times.map(Float.init)) <= 1e-6)
    }

    @Test func aChildWithoutPullbackSaysSo() throws {
        let model = try ModelCatalogue.open(mixture.command(fault: "no-pullback"))
        #expect(!model.denoiser.hasPullback)
        #expect(try model.denoiser.denoise(x, at: times, given: .none).shape == [2, 3])
    }

    @Test(arguments: [
        ("crash", "exited with status 1, having written", "out of luck"), ("shape", "answered wrongly", "[3, 2]"),
        ("kind", "answered wrongly", "kind noise"), ("error", "says", "the GPU fell off"),
        ("half", "answered wrongly", "9 of 1008 bytes"), ("silent-end", "ended before its answer", "status 0"),
    ])
    func faultsAreTold(fault: String, what: String, detail: String) throws {
        let model = try ModelCatalogue.open(mixture.command(fault: "\(fault) 2"))
        _ = try model.denoiser.denoise(x, at: times, given: .none)
        #expect {
            try model.denoiser.denoise(x, at: times, given: .none)
        } throws: { error in
            guard let failure = error as? Failure else { return false }
            let text = failure.description
            return failure.status == .inputOutput && !text.contains("\n") && text.contains(what)
                && text.contains(detail) && failure.place?.hasPrefix("exec:python3") == true
        }
    }

    /// More output on standard error than a pipe holds must not stop the child.
    @Test func aTalkativeChildIsNotBlocked() throws {
        let noise = "python3 -c 'import sys; sys.stderr.write(\"x\" * 300000)';"
        let command = "exec:" + noise + mixture.command().dropFirst("exec:".count)
        let model = try ModelCatalogue.open(command)
        #expect(try model.denoiser.denoise(x, at: times, given: .none).shape == [2, 3])
    }

    @Test func anotherProcessThanTheChildsIsRefused() throws {
        #expect {
            try ModelCatalogue.open(mixture.command(), process: .vpLinear)
        } throws: { ($0 as? Failure)?.status == .usage }
    }
}

struct ForeignStartTests {
    @Test(arguments: [
        ("exit 3", "status 3"), ("kill -9 $$", "signal 9"), ("no-such-program-anywhere", "status 127"),
        ("printf 12345678; echo broken >&2", "broken"), ("echo so long >&2", "so long"),
    ])
    func aChildThatDoesNotIntroduceItself(command: String, told: String) {
        #expect {
            try ModelCatalogue.open("exec:\(command)")
        } throws: { error in
            guard let failure = error as? Failure else { return false }
            return failure.status == .inputOutput && failure.description.contains(told)
        }
    }

    /// One that says nothing at all, and one that stops within its frame.
    @Test(arguments: ["echo loading >&2; sleep 60", "printf 1234; echo loading >&2; sleep 60"])
    func aChildThatNeverIntroducesItself(command: String) {
        #expect {
            try ModelCatalogue.open("exec:\(command)", childTimeout: 1)
        } throws: { error in
            guard let failure = error as? Failure else { return false }
            return failure.status == .inputOutput && failure.message.contains("within 1 s, having written \"loading\"")
                && failure.suggestion?.contains("introduction time") == true
        }
    }

    /// The child sees SIGPIPE at its default: `yes | head` style pipelines inside it end.
    @Test func theChildsPipelinesEnd() {
        #expect { try ModelCatalogue.open("exec:yes | head -c1 >/dev/null; echo over >&2") } throws: {
            ($0 as? Failure)?.description.contains("over") == true
        }
    }
}
