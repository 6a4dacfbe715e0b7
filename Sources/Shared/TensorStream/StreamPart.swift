import Diagnostics
import Formats

/// What the first frame of a part says about the whole part.
package struct StreamPart: Sendable, Equatable {
    package var metadata: [String: String]
    /// Samples that the part carries, where it says so.
    package var count: Int?

    /// The input that it came from, for messages; nil for a part that begins here.
    package var place: String?

    package init(metadata: [String: String] = [:], count: Int? = nil, place: String? = nil) {
        self.metadata = metadata
        self.count = count
        self.place = place
    }

    /// The model that gave the numbers, as --model spells it.
    package var model: String? { metadata[Key.model] }
    package var modelDigest: String? { metadata[Key.modelDigest] }
    /// The noise process, as --process spells it.
    package var process: String? { metadata[Key.process] }

    /// Throws `.data`, naming the input that the part came from.
    package func history() throws -> Provenance {
        guard let text = metadata[Key.history] else { return Provenance() }
        return try place.map { try locating($0) { try Provenance(parsing: text) } } ?? Provenance(parsing: text)
    }

    /// The metadata of the first frame of a part that `entry` makes out of this one: what came is kept, `additions`
    /// are put in its place, and the history grows by one.
    package func continued(as kind: StreamKind, by entry: Provenance.Entry, adding additions: [String: String]) throws
        -> [String: String]
    {
        var result = metadata.merging(additions) { _, new in new }
        result[Key.format] = "1"
        result[Key.kind] = kind.rawValue
        result[Key.count] = count.map(String.init)
        result[Key.history] = try history().appending(entry).text
        return result
    }

    /// The count declared by a frame's metadata. Throws `.data` where it is not a count.
    static func count(_ metadata: [String: String]) throws -> Int? {
        guard let text = metadata[Key.count] else { return nil }
        guard let count = Int(text), count >= 0 else { throw Failure(.data, "\(Key.count) is `\(text)`, not a count") }
        return count
    }
}
