import Diagnostics
import Formats
import TensorStream
import Testing

@Suite struct StreamReaderTests {
    private func check(_ frames: [Frame], _ message: String, kinds: [StreamKind] = [.noise]) throws {
        let found = try failure(frames.flatMap(\.image), kinds)
        #expect(found?.status == .data)
        #expect(found?.message == message)
    }

    @Test func countIsKept() throws {
        try check([noiseFrame([1, 2], count: 3)], "ends after sample 2 of 3")
        try check([noiseFrame([1, 2], count: 3), noiseFrame([3, 4])], "the part declares 3 samples and carries more")
        try check([noiseFrame([1], count: 2), noiseFrame([2], count: 1)], "a new part begins after sample 1 of 2")
        var negative = noiseFrame([1], first: true)
        negative.metadata[Key.count] = "-1"
        try check([negative], "ld3.count is `-1`, not a count")
        #expect(try failure(noiseFrame([1, 2], first: true).image + noiseFrame([3]).image) == nil)
    }

    @Test func emptyInputIsRefused() throws { #expect(try failure([])?.description == "standard input: is empty") }

    @Test func formatAndKindAreNeeded() throws {
        try check([noiseFrame([1])], "has no ld3.format and ld3.kind")
        try check([noiseFrame([1], first: true, metadata: [Key.format: "2"])], "ld3.format is `2`, only 1 is known")
        try check(
            [noiseFrame([1], first: true, metadata: [Key.kind: "samples"])], "carries samples where noise is expected")
        try check(
            [noiseFrame([1], first: true)], "carries noise where pairs or samples is expected",
            kinds: [.pairs, .samples])
    }

    @Test func partsMustAgree() throws {
        for (key, values) in [Key.modelDigest: ("a", "b"), Key.process: ("edm", "flow"), Key.model: ("m", "n")] {
            let frames = [
                noiseFrame([1], count: 1, metadata: [key: values.0]),
                noiseFrame([2], count: 1, metadata: [key: values.1]),
            ]
            try check(frames, "\(key) is `\(values.1)`, and `\(values.0)` before")
        }
        let guided = noiseFrame([1], count: 1, metadata: [Key.guidance: "2.0"])
        try check([guided, noiseFrame([2], count: 1)], "ld3.guidance is `1.0`, and `2.0` before")
        #expect(try failure(guided.image + noiseFrame([2]).image) != nil)  // more than it declares
        var open = guided
        open.metadata[Key.count] = nil
        #expect(try failure(open.image + noiseFrame([2]).image) == nil)
        let moved = ["a", "b"].map { noiseFrame([1], count: 1, metadata: [Key.model: $0, Key.modelDigest: "same"]) }
        #expect(try failure(moved.flatMap(\.image)) == nil)
        try check(
            [noiseFrame([1], first: true), noiseFrame([2], metadata: [Key.kind: "pairs"])],
            "ld3.kind is `pairs`, and `noise` before")
    }

    /// Earlier versions recorded one part of a digest; the second counts between the parts that have it.
    @Test func oldAndNewDigestsAgree() throws {
        func parts(_ digests: String...) -> [Frame] {
            digests.map { noiseFrame([1], count: 1, metadata: [Key.modelDigest: $0]) }
        }
        for digests in [parts("a", "a-b", "a"), parts("a-b", "a", "a-b")] {
            #expect(try failure(digests.flatMap(\.image)) == nil)
        }
        for digests in [parts("a", "a-b", "a-c"), parts("a-b", "a", "a-c")] {
            try check(digests, "\(Key.modelDigest) is `a-c`, and `a-b` before")
        }
        try check(parts("a-b", "c"), "\(Key.modelDigest) is `c`, and `a-b` before")
        try check(parts("a-b", ""), "\(Key.modelDigest) is ``, and `a-b` before")
    }

    @Test func rowsMustAgree() throws {
        var frame = noiseFrame([1, 2], first: true)
        frame.tensors[1] = NamedTensor(name: "seed", shape: [1], int64s: [1])
        try check([frame], "tensor `seed` has shape [1] where [2] is expected")
        frame.tensors.removeLast()
        try check([frame], "no tensor named `seed`")
        frame.tensors = [NamedTensor(name: "image", shape: [1], floats: [1])]
        try check([frame], "no tensor named `noise`")
        frame = noiseFrame([1, 2], first: true)
        frame.tensors[1] = NamedTensor(name: "seed", shape: [2], floats: [1, 2])
        try check([frame], "tensor `seed` is F32, not an integer type")
    }

    @Test func framesOfAPartMustAgree() throws {
        var other = noiseFrame([2])
        other.tensors[0] = NamedTensor(name: "noise", shape: [1, 3], floats: [1, 2, 3])
        try check(
            [noiseFrame([1], first: true), other], "tensor `noise` has F32 samples of shape [3], and F32 [2] before")
        other = noiseFrame([2])
        other.tensors.append(NamedTensor(name: "label", shape: [1], int64s: [0]))
        try check([noiseFrame([1], first: true), other], "some frames have the tensor `label`, others not")
    }
}

@Suite struct SampleReaderTests {
    private let stream =
        noiseFrame([1, 2, 3], count: 4, metadata: ["a": "first"]).image + noiseFrame([4]).image
        + noiseFrame([], count: 0, metadata: ["a": "second"]).image + noiseFrame([5, 6, 7], count: 3).image

    @Test(arguments: [nil, 1, 2, 3, 4, 100]) func partsKeepTheirBorders(_ size: Int?) throws {
        let read = try batches(stream, size)
        #expect(read.flatMap(\.seeds) == [1, 2, 3, 4, 5, 6, 7])
        #expect(read.filter(\.startsPart).map(\.part.count) == [4, 0, 3])
        #expect(read.filter(\.startsPart).map(\.part.metadata["a"]) == ["first", "second", nil])
        #expect(read.flatMap { batch in batch.seeds.map { _ in batch.part.count } } == [4, 4, 4, 4, 3, 3, 3])
        #expect(try read.flatMap { try $0.floats("noise") } == (1...7).flatMap { [Float($0), Float($0) / 2] })
        if let size { #expect(read.allSatisfy { $0.count <= size }) }
        if size == 100 { #expect(read.map(\.count) == [4, 0, 3]) }
        if size == 2 { #expect(read.map(\.count) == [2, 2, 0, 2, 1]) }
    }

    @Test func firstPartIsToldBeforehand() throws {
        try reading(stream) { (stream) throws -> Void in
            let reader = SampleReader(stream, batch: 100, known: ["noise"])
            #expect(try reader.firstPart().count == 4)
            #expect(try reader.firstPart().count == 4)
            #expect(try reader.next()?.seeds == [1, 2, 3, 4])
        }
        try reading(stream) { (stream) throws -> Void in
            #expect(
                try SampleReader(stream, batch: 2, known: ["noise"]).all().map(\.seeds) == [
                    [1, 2, 3, 4], [], [5, 6, 7],
                ])
        }
    }

    @Test func foreignTensorsPassRowByRow() throws {
        var frame = noiseFrame([1, 2, 3], first: true)
        frame.tensors += [
            NamedTensor(name: "mask", type: .uint8, shape: [3, 2], bytes: [1, 2, 3, 4, 5, 6]),
            NamedTensor(name: "table", shape: [2], floats: [1, 2]),
        ]
        let read = try batches(frame.image, 2)
        #expect(read.map { $0["mask"]?.bytes } == [[1, 2, 3, 4], [5, 6]])
        #expect(read.map { $0["table"] } == [nil, nil])
        #expect(try batches(frame.image, 2, .drop).map { $0["mask"] } == [nil, nil])
    }

    @Test func labelsTravel() throws {
        var frame = noiseFrame([1, 2, 3], first: true)
        frame.tensors.append(
            NamedTensor(name: "label", type: .int32, shape: [3], bytes: [1, 0, 0, 0, 255, 255, 255, 255, 2, 0, 0, 0]))
        #expect(try batches(frame.image, 2).map(\.classes) == [[1, -1], [2]])
    }

    @Test func narrowFloatsAreAccepted() throws {
        var frame = noiseFrame([1, 2], first: true)
        frame.tensors[0] = NamedTensor(name: "noise", type: .bfloat16, shape: [2, 1], bytes: [0x80, 0x3F, 0xC0, 0x3F])
        #expect(try batches(frame.image)[0].floats("noise") == [1, 1.5])
    }

    @Test func notANumberNamesTheSeed() throws {
        var frame = noiseFrame([11, 12, 13], first: true)
        frame.tensors[0] = NamedTensor(name: "noise", shape: [3, 2], floats: [0, 1, 2, .nan, 4, .infinity])
        let read = try batches(frame.image)[0]
        #expect { try read.floats("noise") } throws: {
            ($0 as? Failure)?.description == "standard input: tensor `noise` has NaN in the sample with seed 12"
        }
        #expect { try read.floats("noise", sampleShape: [3]) } throws: {
            ($0 as? Failure)?.message == "tensor `noise` has samples of shape [2] where [3] is expected"
        }
    }
}

@Suite struct ProvenanceTests {
    private let entry = Provenance.Entry(program: "ld3-noise", version: "1", arguments: ["--seeds=0-9", "é\""])

    @Test func roundTrips() throws {
        let history = Provenance(entries: [entry]).appending(entry)
        #expect(try Provenance(parsing: history.text) == history)
    }

    @Test(arguments: ["", "{}", "[1]", #"[{"program":"a"}]"#, #"[{"program":"a","version":"1","arguments":[1]}]"#])
    func refuses(_ text: String) { #expect(throws: Failure.self) { try Provenance(parsing: text) } }

    @Test func partsAreContinued() throws {
        let part = StreamPart(
            metadata: [
                Key.kind: "noise", Key.process: "edm", Key.guidance: "3.0", Key.prompts: "[]", "mine": "kept",
                Key.count: "3",
            ], count: 3)
        let plain = try part.continued(as: .pairs, by: entry, adding: [:])
        #expect(plain[Key.guidance] == "3.0" && plain[Key.process] == "edm")
        // Nothing is left of another model.
        let metadata = try part.continued(as: .pairs, by: entry, adding: [Key.model: "mnist32"])
        #expect(metadata[Key.kind] == "pairs" && metadata[Key.format] == "1" && metadata[Key.count] == "3")
        #expect(metadata["mine"] == "kept" && metadata[Key.prompts] == "[]" && metadata[Key.model] == "mnist32")
        // Nothing is left of another model, and a schedule has no prompts.
        #expect(metadata[Key.process] == nil && metadata[Key.guidance] == nil)
        #expect(try StreamPart(metadata: metadata).history().entries == [entry])
        let schedule = try part.continued(as: .schedule, by: entry, adding: [:])
        #expect(schedule[Key.prompts] == nil && schedule[Key.guidance] == "3.0" && schedule["mine"] == "kept")
    }
}
