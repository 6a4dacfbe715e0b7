import Diagnostics
import Formats

/// A part of a stream, as its first frame describes it.
package struct StreamPart: Sendable, Equatable {
    package let metadata: [String: String]
    /// The number of samples of the part, if it is declared.
    package var count: Int?

    /// The input from which the part came, for messages; nil for a part that begins in this program.
    package var place: String?
    /// The list of `ld3.prompts`, read once, or what is wrong with it; nil if there is none.
    private let promptList: Result<[String], Failure>?

    package init(metadata: [String: String] = [:], count: Int? = nil, place: String? = nil) {
        self.metadata = metadata
        self.count = count
        self.place = place
        promptList = metadata[Key.prompts].map { text in Result { () throws(Failure) in try Key.promptList(text) } }
    }

    /// The name of the model that made the numbers.
    package var model: String? { metadata[Key.model] }
    package var modelDigest: String? { metadata[Key.modelDigest] }
    /// The name of the noise process.
    package var process: String? { metadata[Key.process] }

    /// Returns the prompts of the part, to which the tensor `prompt` refers; nil if it has none. Throws `data` if they are no
    /// JSON array of strings.
    package func prompts() throws -> [String]? { try promptList?.get() }

    /// Returns the history of the part. Throws `data`, naming the input of the part, if it cannot be read.
    package func history() throws -> Provenance {
        guard let text = metadata[Key.history] else { return Provenance() }
        return try place.map { try locating($0) { try Provenance(parsing: text) } } ?? Provenance(parsing: text)
    }

    /// Returns the metadata of the first frame of a part that the run `entry` makes from this part: the metadata of this part, in
    /// which `additions` replace what has the same key, with `entry` at the end of the history. The precision is that of the run.
    package func continued(as kind: StreamKind, by entry: Provenance.Entry, adding additions: [String: String]) throws
        -> [String: String]
    {
        var result = metadata.merging(additions) { _, new in new }
        result[Key.precision] = additions[Key.precision]
        result[Key.format] = "1"
        result[Key.kind] = kind.rawValue
        result[Key.count] = count.map(String.init)
        result[Key.history] = try history().appending(entry).text
        return result
    }

    /// Returns the count that a frame's metadata declare, if any. Throws `data` if it is not a count.
    static func count(_ metadata: [String: String]) throws -> Int? {
        guard let text = metadata[Key.count] else { return nil }
        guard let count = Int(text), count >= 0 else { throw Failure(.data, "\(Key.count) is `\(text)`, not a count") }
        return count
    }
}
