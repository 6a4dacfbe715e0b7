import Checkpoints
import Diagnostics
import Formats
import Networks
import TestSupport
import Testing

/// CLIP's tokenizer against the numbers that transformers' tokenizer gives.
@Suite struct TokenizerTests {
    private static let vocabulary = Result { try readVocabulary() }

    private static func readVocabulary() throws -> TokenVocabulary {
        let path = "\(Fixtures.root)/Sources/Shared/Models/Resources/bpe_simple_vocab_16e6.txt.gz"
        return try TokenVocabulary(openAI: ByteRegion(try MappedFile(path: path)).gunzipped(limit: 1 << 24))
    }

    private func tokenizer(padding: Int? = nil) throws -> Tokenizer {
        Tokenizer(try Self.vocabulary.get(), padding: padding)
    }

    @Test func recordedTexts() throws {
        let tokenizer = try tokenizer()
        let bytes = try Fixtures.contents(ofDocument: "Tests/Fixtures/latent/tokens.json")
        let cases = try #require(try JSONValue(parsing: bytes)["cases"]?.elements)
        #expect(cases.count == 80)
        for entry in cases {
            let text = try #require(entry["prompt"]?.string), expected = try #require(entry["ids"]?.integers)
            #expect(tokenizer.numbers(text) == expected, "\(text)")
            let tokens = tokenizer.tokens(text, length: 77)
            #expect(tokens.numbers.count == 77 && tokens.numbers[76] == 49_407)
            #expect(tokens.numbers.starts(with: expected.prefix(min(76, expected.count - 1))))
            #expect((tokens.cutText == nil) == (expected.count <= 77))
        }
    }

    /// The collection has what transformers' tokenizer makes of texts for the encoder: cut and padded to 77 numbers.
    @Test(
        .enabled(if: Fixtures.shared("clip/tokens.json") != nil),
        arguments: [
            ("latent/tokenizer/cases.json", "latent/tokenizer/padded.safetensors", "padded"),
            ("clip/tokens.json", "clip/tokens.safetensors", "hf_padded"),
        ])
    func paddedTexts(texts: String, file: String, name: String) throws {
        let document = try JSONValue(file: #require(Fixtures.shared(texts)))
        let entries = try #require((document["cases"] ?? document).elements)
        let padded = try SafetensorsFile(path: #require(Fixtures.shared(file))).tensor(name)
        let tokenizer = try tokenizer()
        let found = try entries.map { entry in
            let tokens = tokenizer.tokens(try #require(entry["prompt"]?.string), length: 77)
            if let isCut = entry["truncated"] { #expect((tokens.cutText != nil) == (isCut == true)) }
            return tokens.numbers
        }
        #expect(padded.shape == [found.count, 77])
        #expect(try padded.int64s().map { Int($0) } == found.flatMap { $0 })
    }

    @Test func theEmptyText() throws {
        let (one, two) = (try tokenizer(), try tokenizer(padding: 0))
        #expect(one.tokens("", length: 77).numbers == [49_406] + [Int](repeating: 49_407, count: 76))
        #expect(two.tokens("", length: 77).numbers == [49_406, 49_407] + [Int](repeating: 0, count: 75))
        #expect(one.tokens(" \n\t ", length: 77) == one.tokens("", length: 77))
    }

    /// There is room for 75 tokens between the marks.
    @Test(arguments: [(75, nil), (76, "word"), (78, "word word word")] as [(Int, String?)])
    func longTextsAreCut(words: Int, cut: String?) throws {
        let text = [String](repeating: "Word", count: words).joined(separator: "  ")
        let tokens = try tokenizer().tokens(text, length: 77)
        #expect(tokens.cutText == cut)
        #expect(tokens.numbers == [49_406] + [Int](repeating: 2653, count: 75) + [49_407])
    }

    /// The cut may lie within a word, or before a mark in the text.
    @Test func whatIsCut() throws {
        let start = [String](repeating: "a", count: 74).joined(separator: " ")
        #expect(try tokenizer().tokens(start + " Photo, 1990s!", length: 77).cutText == ", 1990s!")
        #expect(try tokenizer().tokens(start + " b<|endoftext|> C", length: 77).cutText == "<|endoftext|> c")
        #expect(try tokenizer().tokens(start + " a 19", length: 77).cutText == "19")
        #expect(try tokenizer().tokens(start + " 19", length: 77).cutText == "9")
    }

    @Test func marksStandForThemselves() throws {
        let numbers = try tokenizer().numbers("a<|endoftext|>b <|startoftext|>")
        #expect(numbers == [49_406, 320, 49_407, 321, 49_406, 49_407])
    }

    /// All bytes, two merges, and the marks, numbered in the order of the file.
    @Test func aVocabularyOfAFolder() throws {
        let printable = Array(33...126) + Array(161...172) + Array(174...255)
        let others = (0...255).filter { !printable.contains($0) }
        let symbols = (printable + others.indices.map { 256 + $0 }).compactMap { Unicode.Scalar($0).map { String($0) } }
        let marks = ["<|startoftext|>", "<|endoftext|>"]
        let names = symbols + symbols.map { $0 + "</w>" } + ["in", "in</w>"] + marks
        let json = JSONValue.object(names.enumerated().map { .init($1, .integer($0)) })
        let vocabulary = try TokenVocabulary(json: json, merges: Array("#version: 0.2\ni n\ni n</w>\n".utf8))
        #expect(vocabulary.count == 516)
        let letters = ["i", "n", "t</w>"].compactMap { names.firstIndex(of: $0) }
        #expect(Tokenizer(vocabulary).numbers("in int") == [514, 513, 512, letters[2], 515])
    }

    @Test func brokenVocabularies() throws {
        #expect(throws: Failure.self) { try TokenVocabulary(openAI: Array("#version: 0.2\ni n\nt h\n".utf8)) }
        #expect(throws: Failure.self) { try TokenVocabulary(json: ["a": "b"], merges: []) }
        #expect(throws: Failure.self) { try TokenVocabulary(json: ["a": 0], merges: []) }
    }
}
