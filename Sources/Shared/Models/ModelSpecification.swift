import Diagnostics
import Formats
import Networks

/// A model by the name that a user or a stream gives it.
package enum ModelSpecification: Equatable, Sendable {
    /// A model that ships with the programs.
    case embedded(EmbeddedModel)
    /// A checkpoint in any container.
    case checkpoint(path: String)
    /// Data N(mean, deviation^2) in every element of `shape`.
    case gaussian(shape: [Int], mean: Double, deviation: Double)
    /// A Gaussian mixture from a safetensors file.
    case mixture(path: String)
    /// A finite data set from a safetensors file.
    case points(path: String)
    /// A denoiser or sampler in another process: a command for /bin/sh.
    case foreign(command: String)
    /// A named architecture with the engine's own random weights; for timing.
    case random(architecture: String)

    /// The model that is meant if nobody names one.
    package static let embeddedName = EmbeddedModel.mnist32.rawValue

    /// The names of models besides checkpoint files, for help texts and errors.
    package static let spellings =
        EmbeddedModel.allCases.map(\.rawValue)
        + ["gaussian:shape=8,mean=0,std=0.5", "gmm:FILE", "points:FILE", "exec:COMMAND"]
        + RandomWeights.names.map { "random:\($0)" }

    /// Parses the name of a model. A name that is none of `spellings` is the path of a checkpoint; a file whose name looks
    /// like a spelling can be given as `./gmm:x`. Throws `usage` if a spelling is incomplete or wrong.
    ///
    /// - Parameter place: the place where the name stands, for messages.
    package init(_ text: String, place: String = "model") throws {
        guard !text.isEmpty else { throw Failure(.usage, place: place, "the model's name is empty") }
        guard let colon = text.firstIndex(of: ":") else {
            self = EmbeddedModel(rawValue: text).map { .embedded($0) } ?? .checkpoint(path: text)
            return
        }
        let rest = String(text[text.index(after: colon)...])
        func require(_ what: String) throws -> String {
            guard rest.isEmpty else { return rest }
            throw Failure(.usage, place: "\(place) \(text)", "needs \(what) after the colon")
        }
        switch text[..<colon] {
        case "gaussian": self = try Self.parseGaussian(rest, place: "\(place) \(text)")
        case "gmm": self = .mixture(path: try require("a file"))
        case "points": self = .points(path: try require("a file"))
        case "exec": self = .foreign(command: try require("a command"))
        case "random": self = .random(architecture: try require("an architecture"))
        default: self = .checkpoint(path: text)
        }
    }

    /// Parses `shape=3,32,32,mean=0,std=0.5`. An item without `=` continues the list before it. The mean is 0 and the
    /// deviation 0.5 if they are not given.
    private static func parseGaussian(_ text: String, place: String) throws -> ModelSpecification {
        var values: [String: [String]] = [:]
        var key = ""
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if parts.count == 2 {
                key = parts[0]
                let known = ["shape", "mean", "std"]
                guard known.contains(key) else { throw Failure(place: place, unknown: key, choices: known) }
                guard values[key] == nil else { throw Failure(.usage, place: place, "\(key) comes twice") }
            }
            values[key, default: []].append(parts[parts.count - 1])
        }
        let shape = (values["shape"] ?? []).map { Int($0) ?? 0 }
        guard isSampleShape(shape) else {
            throw Failure(
                .usage, place: place,
                "needs shape=D or shape=C,H,W with positive sizes and at most \(sampleElementLimit) elements")
        }
        func number(_ name: String, default fallback: Double) throws -> Double {
            guard let texts = values[name] else { return fallback }
            guard texts.count == 1, let value = Double(texts[0]), value.isFinite else {
                throw Failure(.usage, place: place, "\(name) must be one finite number")
            }
            return value
        }
        let deviation = try number("std", default: 0.5)
        guard deviation > 0 else { throw Failure(.usage, place: place, "std must be positive") }
        return .gaussian(shape: shape, mean: try number("mean", default: 0), deviation: deviation)
    }
}
