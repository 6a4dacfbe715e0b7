import Diagnostics
import Formats
import Testing

/// Weights that wrappers renamed, under the names that networks ask for.
@Suite struct NamedWeightsTests {
    /// Tensors whose only element tells their place.
    private struct Source: WeightSource {
        let tensorNames: [String]
        var unread: [UnreadTensor] = []
        /// The names of single numbers.
        var numbers: Set<String> = []
        var configuration: String? { nil }

        init(_ names: [String]) { tensorNames = names }

        func type(of name: String) -> DataType? { tensorNames.contains(name) ? .float32 : nil }
        func shape(of name: String) -> [Int]? {
            tensorNames.contains(name) ? (numbers.contains(name) ? [] : [1, 2]) : nil
        }
        func floats(_ name: String) throws -> [Float] {
            guard let place = tensorNames.firstIndex(of: name) else { throw missing(name) }
            return [Float(place), 0]
        }
    }

    /// Returns the place in the file of the tensors `model.map.weight` and `model.out.weight`.
    private func places(_ source: Source) throws -> [Float] {
        let named = try source.named(landmark: "map.weight", prefixes: ["model."])
        return try ["model.map.weight", "model.out.weight"].map { try named.floats($0)[0] }
    }

    @Test func filesOfOneNetworkAreJoinedAndShareNoTensor() throws {
        let joined = try JoinedWeights([Source(["a", "b"]), Source(["c"])])
        #expect(joined.tensorNames == ["a", "b", "c"])
        #expect(try ["b", "c"].map { try joined.floats($0)[0] } == [1, 0])
        let failure = #expect(throws: Failure.self) { try JoinedWeights([Source(["a", "b"]), Source(["b"])]) }
        #expect(failure?.status == .data && failure?.description == "tensor `b`: is in two files of one network")
    }

    @Test(arguments: [
        "model.", "", "module.model.", "_orig_mod.model.", "module._orig_mod.model.", "_orig_mod.module.model.", "net.",
        "net.model.", "ema.", "ema.model.", "ema_model.model.", "diffusion.denoiser.", "0.",
    ])
    func textsThatAllNamesShareAreTakenOff(prefix: String) throws {
        #expect(try places(Source(["map.weight", "out.weight"].map { prefix + $0 })) == [0, 1])
    }

    /// The count of PyTorch's averaged models stands beside the weights.
    @Test func singleNumbersNeedNotShareIt() throws {
        var source = Source(["n_averaged", "module.model.map.weight", "module.model.out.weight"])
        source.numbers = ["n_averaged"]
        #expect(try places(source) == [1, 2])
    }

    @Test(arguments: [
        "ema.", "ema.model.", "model_ema.", "ema_model.model.", "shadow.", "averaged_model.module.model.",
    ])
    func averagesArePreferred(prefix: String) throws {
        let names = ["model.map.weight", "model.out.weight", prefix + "map.weight", prefix + "out.weight"]
        #expect(try places(Source(names)) == [2, 3])
        #expect(try places(Source(Array(names.reversed()))) == [1, 0])
        let online = Source(names.map { $0.hasPrefix("model.") ? "online_" + $0 : $0 })
        #expect(try places(online) == [2, 3])
    }

    /// Latent diffusion leaves the dots out of the names of averages.
    @Test func averagesWithoutDots() throws {
        let names = ["model.map.weight", "model.out.weight", "model_ema.decay", "model_ema.mapweight"]
        #expect(try places(Source(names)) == [3, 1])
    }

    @Test func otherTextsAreNamed() {
        let failure = #expect(throws: Failure.self) {
            try places(Source(["student.map.weight", "student.out.weight", "critic.weight"]))
        }
        #expect(
            failure?.message == "the network's tensors stand under `student.`, beside others such as `critic.weight`")
        let two = #expect(throws: Failure.self) { try places(Source(["a.map.weight", "b.map.weight"])) }
        #expect(two?.message == "the network's tensors stand under `a.` and `b.`")
    }

    @Test func severalAveragesAreTold() throws {
        let named = try Source(["ema_1.map.weight", "ema_2.map.weight"]).named(landmark: "map.weight")
        #expect(named.remarks == ["holds averaged weights under `ema_1.` and `ema_2.`; the first are used"])
    }

    /// Missing tensors and tensors of unknown types are told by the name that was asked for.
    @Test func missingTensors() throws {
        var source = Source(["module.map.weight", "module.out.weight"])
        source.unread = [UnreadTensor(name: "module.out.scale", type: "F8_E4M3", shape: [1])]
        let named = try source.named(landmark: "map.weight")
        #expect(throws: Failure(.data, place: "out.scale", "is of type F8_E4M3, which is not read")) {
            try named.floats("out.scale")
        }
        #expect(throws: Failure(.data, place: "out.bias", "the model file lacks this tensor")) {
            try named.floats("out.bias")
        }
        #expect(try source.named(landmark: "another").tensorNames == source.tensorNames)
    }
}
