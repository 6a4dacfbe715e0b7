import Diagnostics
import Formats

/// The tokens of CLIP's tokenizer, and the pairs of tokens that it merges, in the order of their rank.
package struct TokenVocabulary: Sendable {
    package static let startText = "<|startoftext|>"
    package static let endText = "<|endoftext|>"

    /// The number of tokens.
    package let count: Int
    package let start: Int
    package let end: Int
    /// The tokens of single bytes, within a word and at its end.
    let bytes: [Int]
    let lastBytes: [Int]
    private let merges: [Pair: Merge]

    private struct Pair: Hashable {
        let left: Int
        let right: Int
    }

    struct Merge {
        let rank: Int
        let token: Int
    }

    func merge(_ left: Int, _ right: Int) -> Merge? { merges[Pair(left: left, right: right)] }

    private static let wordEnd = "</w>"

    /// Makes the vocabulary of openai/CLIP from its file of merges, `bpe_simple_vocab_16e6.txt`: all bytes, all bytes
    /// at the end of a word, 48,894 merges, and the two marks of start and end.
    package init(openAI file: [UInt8]) throws {
        let lines = Self.lines(file).dropFirst().prefix(48_894)
        guard lines.count == 48_894 else {
            throw Failure(.data, "\(lines.count) merges of tokens are there, where CLIP's vocabulary has 48894")
        }
        let symbols = Self.byteOrder.map { Self.symbol($0) }
        var names = symbols + symbols.map { $0 + Self.wordEnd }
        names += try lines.map { try Self.pair($0).joined() } + [Self.startText, Self.endText]
        let numbers = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
        try self.init(numbers, merges: lines)
    }

    /// Makes the vocabulary of a folder of transformers, from `vocab.json` and `merges.txt`.
    package init(json: JSONValue, merges file: [UInt8]) throws {
        var numbers: [String: Int] = [:]
        for member in json.members ?? [] {
            guard let number = member.value.integer, number >= 0 else {
                throw Failure(.data, place: member.name, "has no number in the vocabulary")
            }
            numbers[member.name] = number
        }
        // The first line is a comment.
        let lines = Self.lines(file)
        try self.init(
            numbers, merges: lines.first?.starts(with: "#version".utf8) == true ? lines.dropFirst() : lines[...])
    }

    private init(_ numbers: [String: Int], merges lines: ArraySlice<ArraySlice<UInt8>>) throws {
        func number(_ name: String) throws -> Int {
            guard let number = numbers[name] else {
                throw Failure(.data, place: "vocabulary", "lacks the token `\(name)`")
            }
            return number
        }
        count = numbers.count
        start = try number(Self.startText)
        end = try number(Self.endText)
        bytes = try (0..<256).map { try number(Self.symbol(UInt8($0))) }
        lastBytes = try (0..<256).map { try number(Self.symbol(UInt8($0)) + Self.wordEnd) }
        var merges: [Pair: Merge] = [:]
        merges.reserveCapacity(lines.count)
        for (rank, line) in lines.enumerated() {
            let names = try Self.pair(line)
            let pair = Pair(left: try number(names[0]), right: try number(names[1]))
            merges[pair] = Merge(rank: rank, token: try number(names.joined()))
        }
        self.merges = merges
    }

    // MARK: - Files

    private static func lines(_ file: [UInt8]) -> [ArraySlice<UInt8>] {
        file.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") })
    }

    private static func pair(_ line: ArraySlice<UInt8>) throws -> [String] {
        let names = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        guard names.count == 2 else {
            throw Failure(
                .data, place: "vocabulary", "the line `\(String(decoding: line, as: UTF8.self))` is no pair of tokens")
        }
        return names
    }

    /// All bytes in the order of their tokens: first those that are written as themselves.
    private static let byteOrder: [UInt8] = {
        let printable = Array(33...126) + Array(161...172) + Array(174...255)
        return (printable + (0...255).filter { !printable.contains($0) }).map { UInt8($0) }
    }()

    /// The character that stands for a byte in a vocabulary: itself, or one from U+0100 on in rising order.
    private static func symbol(_ byte: UInt8) -> String {
        let place = byteOrder.firstIndex(of: byte) ?? 0
        let value = place < 188 ? UInt32(byte) : 256 + UInt32(place - 188)
        return Unicode.Scalar(value).map { String($0) } ?? ""
    }
}
