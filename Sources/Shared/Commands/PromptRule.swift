import Diagnostics
import Diffusion
import Formats
import Options
import TensorStream

/// The prompts of a stream of noise: each seed has that of its number modulo their count.
package struct PromptRule: Sendable, Equatable {
    private let prompts: Distinct<Prompt>
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
        self.prompts = Distinct(prompts.map { Prompt($0) })
        self.negative = negative
    }

    /// The prompt of each seed as an index into `ld3.prompts`, [B].
    package func tensor(_ seeds: [Int64]) -> NamedTensor {
        let indices = seeds.map { Int64(prompts.places[Int($0 % Int64(prompts.places.count))]) }
        return NamedTensor(name: promptTensor, shape: [seeds.count], int64s: indices)
    }

    package var metadata: [String: String] {
        var keys = [Key.prompts: JSONValue.array(prompts.values.map { .string($0.text) }).text]
        if let negative, !negative.isEmpty { keys[Key.negativePrompt] = negative }
        return keys
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
