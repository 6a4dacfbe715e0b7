import Diagnostics
import Formats

/// Writes a stream of one kind in whole frames, with the metadata of each part on its first frame.
package struct StreamWriter: Sendable {
    package let kind: StreamKind
    /// The entry that this run adds to the history of each part.
    package let entry: Provenance.Entry
    private let descriptor: Int32
    private let place: String

    package init(descriptor: Int32, place: String, kind: StreamKind, entry: Provenance.Entry) {
        self.descriptor = descriptor
        self.place = place
        self.kind = kind
        self.entry = entry
    }

    /// Returns the stream on standard output. Throws `usage` if that is a terminal.
    package static func standardOutput(_ kind: StreamKind, entry: Provenance.Entry) throws -> StreamWriter {
        guard !Descriptor.isTerminal(Descriptor.standardOutput) else {
            throw Failure(
                .usage, place: "standard output", "is a terminal, which cannot show a stream",
                suggestion: "pipe it into the next program or send it to a file with >")
        }
        return StreamWriter(
            descriptor: Descriptor.standardOutput, place: "standard output", kind: kind, entry: entry)
    }

    /// Writes samples as one frame. If they are the first of their part, `metadata` are added to those of the part.
    ///
    /// Throws `readerGone` if nobody reads any more, `inputOutput` if writing fails.
    package func write(_ batch: SampleBatch, metadata: [String: String] = [:]) throws {
        let metadata = batch.startsPart ? try batch.part.continued(as: kind, by: entry, adding: metadata) : [:]
        try write(Frame(metadata: metadata, tensors: batch.frameTensors))
    }

    /// Writes a frame without a change.
    package func write(_ frame: Frame) throws { try frame.write(to: descriptor, place: place) }
}

extension Frame {
    /// Writes the whole frame to a descriptor. Throws `readerGone` or `inputOutput`, and `data` if no reader would take it.
    package func write(to descriptor: Int32, place: String) throws {
        try locating(place) {
            let image = image
            guard Safetensors.isImage(image) else {
                throw Failure(
                    .data, "a frame's header would be longer than readers take",
                    suggestion: "write fewer samples at a time, with --shard")
            }
            try Descriptor.write(descriptor, image)
        }
    }
}
