import Diagnostics
import Formats

/// Reads a stream of one kind: its frames, their parts, and the checks that concern several frames.
package final class StreamReader {
    package let frames: FrameReader
    package private(set) var kind: StreamKind
    /// The part of the frame that was read last.
    package private(set) var part = StreamPart()

    private let kinds: [StreamKind]
    private var partCount = 0
    /// The number of samples of this part read so far.
    private var carried = 0
    /// The values that must be equal in all parts, and the frames in which they first stood.
    private var identity: [String: String] = [:]
    private var isAtEnd = false

    /// Makes a reader of a stream of one of `kinds`; a bare .npy file is read as the first of them.
    package init(_ frames: FrameReader, kinds: [StreamKind]) {
        precondition(!kinds.isEmpty)
        self.frames = frames
        self.kinds = kinds
        kind = kinds[0]
    }

    package convenience init(descriptor: Int32, place: String, kinds: [StreamKind]) {
        self.init(FrameReader(descriptor: descriptor, place: place), kinds: kinds)
    }

    /// Returns the stream on standard input. Throws `usage` if that is a terminal.
    package static func standardInput(_ kinds: StreamKind...) throws -> StreamReader {
        guard !Descriptor.isTerminal(Descriptor.standardInput) else {
            let suggestion = kinds.first?.producer.map { "pipe in a stream, such as that of \($0), or see --help" }
            throw Failure(.usage, place: "standard input", "is a terminal", suggestion: suggestion)
        }
        return StreamReader(descriptor: Descriptor.standardInput, place: "standard input", kinds: kinds)
    }

    /// Returns the stream in the file `path`; `-` is standard input. Throws `noInput` if it cannot be opened.
    package static func file(_ path: String, _ kinds: StreamKind...) throws -> StreamReader {
        if path == "-" {
            return StreamReader(descriptor: Descriptor.standardInput, place: "standard input", kinds: kinds)
        }
        let frames = FrameReader(descriptor: try Descriptor.open(path), place: path, closesDescriptor: true)
        return StreamReader(frames, kinds: kinds)
    }

    /// Returns the next frame and whether a part begins with it; nil at the end of the stream.
    ///
    /// Throws `data` if the input is empty or ends early, if a part has more or fewer samples than it declares, if the kind or
    /// the format is another one, and if parts contradict each other.
    package func next() throws -> (frame: Frame, startsPart: Bool)? {
        guard !isAtEnd else { return nil }
        guard var frame = try frames.next(arrayName: kinds[0].arrayTensor) else {
            isAtEnd = true
            guard frames.frameCount > 0 else { throw Failure(.data, place: frames.place, "is empty") }
            try locating(frames.place) { try checkPartIsComplete("ends") }
            return nil
        }
        return try frames.inFrame {
            if frames.isArrayFile, let array = frame.tensors.first { frame = try Self.asStream(array, kind: kinds[0]) }
            let declared = try StreamPart.count(frame.metadata)
            let startsPart = partCount == 0 || declared != nil
            if startsPart { try beginPart(frame.metadata, declared) } else { try checkIdentity(frame.metadata) }
            carried += try sampleCount(frame)
            if let count = part.count, carried > count {
                throw Failure(.data, "the part declares \(counted(count, "sample")) and carries more")
            }
            return (frame, startsPart)
        }
    }

    private func beginPart(_ metadata: [String: String], _ declared: Int?) throws {
        if partCount == 0 { try checkKind(metadata) } else { try checkPartIsComplete("a new part begins") }
        guard metadata[Key.decoded] != "false" else {
            throw Failure(
                .data, "carries latents, not pictures",
                suggestion: "ld3-sample without --latents makes pictures, if the decoder is not in another process")
        }
        try checkIdentity(metadata.merging(Self.untold(by: metadata)) { given, _ in given })
        part = StreamPart(metadata: metadata, count: declared, place: frames.place)
        partCount += 1
        carried = 0
    }

    private func checkKind(_ metadata: [String: String]) throws {
        guard let format = metadata[Key.format], let name = metadata[Key.kind] else {
            throw Failure(.data, "has no \(Key.format) and \(Key.kind)", suggestion: "is this a tensor stream of ld3?")
        }
        guard format == "1" else { throw Failure(.data, "\(Key.format) is `\(format)`, only 1 is known") }
        guard let given = kinds.first(where: { $0.rawValue == name }) else {
            let wanted = kinds.map(\.rawValue).joined(separator: " or ")
            let producer = kinds.first?.producer.map { "\($0) makes \(kinds[0].rawValue)" }
            throw Failure(.data, "carries \(name) where \(wanted) is expected", suggestion: producer)
        }
        kind = given
    }

    /// Returns what a part means by keys that it leaves out: no guidance, Floats, and a network by its model's own file.
    private static func untold(by metadata: [String: String]) -> [String: String] {
        let none = metadata[Key.model] == nil ? nil : "none"
        return [
            Key.guidance: "1.0", Key.precision: "float32", Key.architectureDigest: none,
            Key.partDigest("text_encoder"): none,
        ].compactMapValues(\.self)
    }

    /// The keys whose values must be equal in all parts and frames.
    private func checkIdentity(_ metadata: [String: String]) throws {
        var keys = [
            Key.format, Key.kind, Key.modelDigest, Key.process, Key.guidance, Key.weights, Key.precision,
            Key.architectureDigest, Key.partDigest("text_encoder"), Key.partDigest("decoder"),
        ]
        // Two paths may lead to one model, so its name counts only if there is no digest.
        if metadata[Key.modelDigest] == nil, identity[Key.modelDigest] == nil { keys.append(Key.model) }
        for key in keys {
            guard let text = metadata[key] else { continue }
            // A number may be spelled in more than one way.
            let value = key == Key.guidance ? Double(text).map { "\($0)" } ?? text : text
            let known = identity[key] ?? value
            guard known == value || key.hasSuffix("_sha256") && isOneModel(known, value) else {
                throw Failure(.data, "\(key) is `\(value)`, and `\(known)` before")
            }
            // The longer of two digests of one model tells more.
            identity[key] = value.count > known.count ? value : known
        }
    }

    private func checkPartIsComplete(_ event: String) throws {
        guard let count = part.count, carried < count else { return }
        throw Failure(
            .data, "\(event) after sample \(carried) of \(count)",
            suggestion: event == "ends" ? "did the program before this one fail?" : nil)
    }

    /// Returns the number of samples in a frame: the rows of the main tensor, or 1 if its kind has none.
    private func sampleCount(_ frame: Frame) throws -> Int {
        guard let name = kind.mainTensor else { return 1 }
        let tensor = try frame.tensor(name)
        guard let count = tensor.shape.first else { throw Failure(.data, "tensor `\(name)` has no batch dimension") }
        return count
    }

    /// Makes the frame of a bare array, with the seeds 0 ..< B.
    private static func asStream(_ array: NamedTensor, kind: StreamKind) throws -> Frame {
        guard let count = array.shape.first else { throw Failure(.data, "the .npy array has no batch dimension") }
        return Frame(
            metadata: [Key.format: "1", Key.kind: kind.rawValue, Key.count: "\(count)"],
            tensors: [array, NamedTensor(name: "seed", shape: [count], int64s: (0..<count).map { Int64($0) })])
    }
}
