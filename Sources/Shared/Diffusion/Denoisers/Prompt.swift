/// A text that says what a picture is to show.
///
/// Prompts are equal if their bytes in UTF-8 are: a network may tell texts apart that Unicode calls equivalent, and a stream
/// passes on what was given.
package struct Prompt: Hashable, Sendable, ExpressibleByStringLiteral {
    private let bytes: [UInt8]

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package init(_ text: String) { bytes = Array(text.utf8) }
    package init(stringLiteral text: String) { self.init(text) }
}
