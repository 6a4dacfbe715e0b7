import Diagnostics
import Diffusion
import Formats
import Options
import TensorStream

/// The prompts of a stream of noise: each seed has that of its number modulo their count.
package struct PromptRule: Sendable, Equatable {
    private let prompts: [Prompt]
    private let negative: String?

    package static let options = OptionGroup(
        "prompts",
        [
            Option.value("prompt", "TEXT", "a prompt; repeat it for several: seed S has number S modulo their count")
                .repeatable(),
            .value(
                "prompts", "FILE",
                "prompts from a file: one in each line that is not blank, a JSON array, or COCO's captions"),
            .value("negative-prompt", "TEXT", "the prompt away from which guidance leads, instead of none"),
        ])

    /// Returns nil if the options give no prompts. Throws `usage`, or what reading the file throws.
    package init?(_ arguments: Arguments) throws {
        var given = arguments.strings("prompt")
        if let path = arguments.stringIfGiven("prompts") {
            try arguments.refuse(["prompt"], "cannot be given together with --prompts")
            given = try Self.prompts(inFile: path)
        }
        guard !given.isEmpty else {
            try arguments.refuse(["negative-prompt"], "is for --prompt and --prompts, and there are no prompts")
            return nil
        }
        self.init(given, negative: arguments.stringIfGiven("negative-prompt"))
    }

    init(_ prompts: [String], negative: String? = nil) {
        self.prompts = prompts.map { Prompt($0) }
        self.negative = negative
    }

    /// Returns what a stream of these seeds tells of prompts: each prompt that a sample has, once.
    package func list(for seeds: [Int64]) -> PromptList {
        PromptList(seeds: seeds, prompts: seeds.map { prompts[Int($0 % Int64(prompts.count))] }, negative: negative)
    }

    /// Reads a file of prompts. Throws `noInput` if it cannot be opened, `data` if it holds none.
    static func prompts(inFile path: String) throws -> [String] {
        let bytes = try Descriptor.contents(of: path)
        return try locating(path) {
            let text = try String(textFile: bytes)
            let start = text.first { !$0.isWhitespace }
            let prompts =
                start == "[" || start == "{"
                ? try prompts(inDocument: text)
                : text.split(whereSeparator: \.isNewline).map(String.init).filter { !$0.allSatisfy(\.isWhitespace) }
            guard !prompts.isEmpty else { throw Failure(.data, "holds no prompts") }
            return prompts
        }
    }

    private static func prompts(inDocument text: String) throws -> [String] {
        do {
            let document = try JSONValue(parsing: text)
            let items = document.elements ?? document["annotations"]?.elements?.map { $0["caption"] ?? .null }
            guard let prompts = items?.map(\.string) as? [String] else {
                throw Failure(.data, "is neither a JSON array of strings nor COCO's annotations with captions")
            }
            return prompts
        } catch var failure as Failure {
            failure.suggestion = "lines of which the first begins with a bracket go into a JSON array of strings"
            throw failure
        }
    }
}

/// The prompts of a stream of noise.
package struct PromptList {
    /// `ld3.prompts` and `ld3.negative_prompt`.
    package let metadata: [String: String]
    /// The place in `ld3.prompts` of each seed's prompt.
    private let places: [Int64: Int]

    fileprivate init(seeds: [Int64], prompts: [Prompt], negative: String?) {
        let distinct = Distinct(prompts)
        places = Dictionary(zip(seeds, distinct.places)) { first, _ in first }
        var keys = [Key.prompts: JSONValue.array(distinct.values.map { .string($0.text) }).text]
        if let negative, !negative.isEmpty { keys[Key.negativePrompt] = negative }
        metadata = keys
    }

    /// The prompt of each seed as an index into `ld3.prompts`, [B], -1 for a seed that is not of the stream.
    package func tensor(_ seeds: [Int64]) -> NamedTensor {
        NamedTensor(name: promptTensor, shape: [seeds.count], int64s: seeds.map { Int64(places[$0] ?? -1) })
    }
}
