/// CLIP's tokenizer: text to token numbers, by merging pairs of bytes (Sennrich et al. 2016; Radford et al. 2021).
package struct Tokenizer: Sendable {
    /// A text as a text encoder reads it.
    package struct Tokens: Sendable, Equatable {
        /// The mark of the start, the text, the mark of the end, and padding.
        package let numbers: [Int]
        /// The end of the text for which there was no room, in lower case; nil if the whole text is there.
        package let cutText: String?
    }

    package let vocabulary: TokenVocabulary
    private let padding: Int

    /// - Parameter padding: the number of the token behind the end; nil for the mark of the end itself.
    package init(_ vocabulary: TokenVocabulary, padding: Int? = nil) {
        self.vocabulary = vocabulary
        self.padding = padding ?? vocabulary.end
    }

    /// Returns the numbers of the whole text between the marks of start and end.
    package func numbers(_ text: String) -> [Int] {
        [vocabulary.start] + pieces(text).pieces.map(\.token) + [vocabulary.end]
    }

    /// Returns a text as exactly `length` numbers. If the text is longer, its end is cut off.
    package func tokens(_ text: String, length: Int) -> Tokens {
        precondition(length >= 2)
        let (pieces, bytes) = pieces(text)
        let kept = pieces.prefix(length - 2)
        let numbers = [vocabulary.start] + kept.map(\.token) + [vocabulary.end]
        return Tokens(
            numbers: numbers + [Int](repeating: padding, count: length - numbers.count),
            cutText: pieces.count > kept.count
                ? String(decoding: bytes[pieces[kept.count].start...], as: UTF8.self) : nil)
    }

    // MARK: - Parts

    /// A token, and the place in the cleaned text at which it begins.
    private struct Piece {
        var token: Int
        var start: Int
    }

    /// Returns the tokens, and the cleaned text.
    private func pieces(_ text: String) -> (pieces: [Piece], bytes: [UInt8]) {
        var pieces: [Piece] = []
        var bytes: [UInt8] = []
        var rest = text[...]
        while true {
            let mark = marks.compactMap { mark in
                rest.unicodeScalars.firstRange(of: mark.text.unicodeScalars).map { (range: $0, token: mark.token) }
            }.min { $0.range.lowerBound < $1.range.lowerBound }
            append(rest[..<(mark?.range.lowerBound ?? rest.endIndex)], &pieces, &bytes)
            guard let mark else { return (pieces, bytes) }
            pieces.append(Piece(token: mark.token, start: bytes.count))
            bytes += rest[mark.range].utf8
            rest = rest[mark.range.upperBound...]
        }
    }

    /// The marks that stand for themselves within a text.
    private var marks: [(text: String, token: Int)] {
        [(TokenVocabulary.startText, vocabulary.start), (TokenVocabulary.endText, vocabulary.end)]
    }

    private func append(_ text: Substring, _ pieces: inout [Piece], _ bytes: inout [UInt8]) {
        let clean = TextSplitting.clean(text)
        let first = bytes.count
        bytes += clean.utf8
        for word in TextSplitting.words(clean) {
            let start = first + clean.utf8.distance(from: clean.startIndex, to: word.startIndex)
            pieces += merged(Array(String(word).utf8), start: start)
        }
    }

    /// Returns the tokens of a word: one for each byte, of which the pair of lowest rank is merged as long as there is
    /// one.
    private func merged(_ word: [UInt8], start: Int) -> [Piece] {
        var pieces = word.enumerated().map { index, byte in
            let table = index == word.count - 1 ? vocabulary.lastBytes : vocabulary.bytes
            return Piece(token: table[Int(byte)], start: start + index)
        }
        while pieces.count > 1 {
            let pairs = zip(pieces, pieces.dropFirst()).map { vocabulary.merge($0.token, $1.token) }
            guard let best = pairs.compactMap({ $0 }).min(by: { $0.rank < $1.rank }) else { break }
            var merged: [Piece] = []
            var index = 0
            while index < pieces.count {
                var piece = pieces[index]
                if index < pairs.count, pairs[index]?.rank == best.rank {
                    piece.token = best.token
                    index += 1
                }
                merged.append(piece)
                index += 1
            }
            pieces = merged
        }
        return pieces
    }
}
