import Diagnostics
import Formats

/// One frame of a stream: a complete safetensors file that holds one batch.
package struct Frame: Sendable, Equatable {
    /// The header's `__metadata__`.
    package var metadata: [String: String]
    /// The tensors, in the order of their data.
    package var tensors: [NamedTensor]

    package init(metadata: [String: String] = [:], tensors: [NamedTensor] = []) {
        self.metadata = metadata
        self.tensors = tensors
    }

    /// Parses a frame that fills `image`. Throws `data` if it is not a safetensors file.
    package init(parsing image: [UInt8]) throws {
        let (metadata, tensors) = try Safetensors.parse(image)
        self.init(metadata: metadata, tensors: tensors)
    }

    /// The frame's bytes.
    package var image: [UInt8] { Safetensors.serialize(metadata: metadata, tensors: tensors) }

    package subscript(name: String) -> NamedTensor? { tensors.first { $0.name == name } }

    /// Returns the tensor `name`. Throws `data` if there is none.
    package func tensor(_ name: String) throws -> NamedTensor {
        guard let tensor = self[name] else { throw Failure(.data, "no tensor named `\(name)`") }
        return tensor
    }
}

/// The metadata keys that the stream gives a meaning.
package enum Key {
    package static let format = "ld3.format"
    package static let kind = "ld3.kind"
    package static let count = "ld3.count"
    package static let model = "ld3.model"
    package static let modelDigest = "ld3.model_sha256"
    package static let process = "ld3.process"
    package static let guidance = "ld3.guidance"
    /// The set of the model's weights that was used: `ema`, `raw` or a folder's variant.
    package static let weights = "ld3.weights"
    /// The digest of the file that tells the model's architecture, if the user gave one.
    package static let architectureDigest = "ld3.architecture_sha256"
    /// The numbers that the model's networks multiplied, if they were not `float32`.
    package static let precision = "ld3.precision"
    package static let history = "ld3.history"

    /// Returns the key by which a stream names the file of a part of its model, such as `ld3.decoder`.
    package static func part(_ name: String) -> String { "ld3.\(name)" }
    /// Returns the key of that file's digest.
    package static func partDigest(_ name: String) -> String { "ld3.\(name)_sha256" }

    /// The keys that tell of a model. A program that works with a model replaces all of them.
    package static let ofModel: Set<String> = [
        model, modelDigest, process, guidance, weights, architectureDigest, precision, part("decoder"),
        partDigest("decoder"), part("text_encoder"), partDigest("text_encoder"),
    ]

    /// The keys that tell of single samples of the part, so a schedule has none of them.
    static let ofSamples: Set<String> = [prompts, negativePrompt]

    package static let prompts = "ld3.prompts"
    package static let negativePrompt = "ld3.negative_prompt"
    /// `false` if samples are latents.
    package static let decoded = "ld3.decoded"

    /// Returns the list that a value of `ld3.prompts` holds. Throws `data` if it is no JSON array of distinct strings.
    package static func promptList(_ text: String) throws(Failure) -> [String] {
        guard let list = (try? JSONValue(parsing: text))?.elements?.map(\.string) as? [String] else {
            throw Failure(.data, place: prompts, "is no JSON array of strings")
        }
        guard Set(list.map { Array($0.utf8) }).count == list.count else {
            throw Failure(.data, place: prompts, "has a prompt twice")
        }
        return list
    }
}

/// The tensor of indices into `ld3.prompts`, one for each sample, -1 for no prompt.
package let promptTensor = "prompt"

/// Whether a tensor of this name tells a network something besides x, t and the class.
package func isConditionTensor(_ name: String) -> Bool {
    name == promptTensor || name == "condition" || name.hasPrefix("condition.")
}

/// The kind of a stream: the value of ld3.kind.
package enum StreamKind: String, Sendable, CaseIterable {
    case noise, pairs, schedule, samples, features, statistics, denoise, denoised, model

    /// The tensor whose rows are the samples of a frame; nil if a frame of this kind is one item.
    package var mainTensor: String? {
        switch self {
        case .noise, .pairs: "noise"
        case .samples: "image"
        case .features: "feature"
        case .denoise: "x"
        case .denoised: "denoised"
        case .schedule, .statistics, .model: nil
        }
    }

    /// The tensor that a bare .npy file stands for, if samples of the kind need no other.
    var arrayTensor: String? { self == .pairs ? nil : mainTensor }

    /// The program that writes such a stream, for suggestions.
    var producer: String? {
        switch self {
        case .noise: "ld3-noise"
        case .pairs: "ld3-teacher"
        case .schedule: "ld3-fit"
        case .samples: "ld3-sample"
        default: nil
        }
    }
}
