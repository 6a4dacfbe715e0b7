import Diagnostics
import Diffusion
import Formats
import TensorStream

/// The part of a model frame that only a sampler in another process has.
package struct StepperDescription: Sendable, Equatable {
    /// A question that a sampler may answer, by the kind of its frame.
    package enum Request: String, Sendable, CaseIterable {
        case start, step, finish, loss

        /// The kind of the answer.
        var answer: String {
            switch self {
            case .start: "started"
            case .step: "stepped"
            case .finish: "finished"
            case .loss: "losses"
            }
        }
    }

    /// The requests that it answers. `step` is among them.
    package var answers: Set<Request>
    /// The shape of a sample.
    package var sampleShape: [Int]
    /// The times that it understands, if it names no process of ours.
    package var interval: NoiseProcess?
    /// Whether a step takes model times too.
    package var takesModelTimes: Bool
    /// The network evaluations of one step.
    package var evaluations: Int

    /// Returns nil if the frame is a denoiser's. Throws `inputOutput` if it is a sampler's and contradicts itself.
    init?(_ frame: Frame, noiseShape: [Int]) throws {
        let metadata = frame.metadata
        guard let text = metadata["ld3.answers"] else { return nil }
        guard let names = (try? JSONValue(parsing: text))?.elements?.map(\.string) as? [String] else {
            throw Self.wrong("ld3.answers", text, "a JSON array of requests")
        }
        if names == ["denoise"] { return nil }
        guard names.contains("step"), !names.contains("denoise") else {
            throw Self.wrong(
                "ld3.answers", text, "either [\"denoise\"] or a list with \"step\" and without \"denoise\"")
        }
        // Other names may be requests of a later version.
        answers = Set(names.compactMap(Request.init))
        sampleShape = try Self.shape(metadata) ?? noiseShape
        interval = try Self.interval(metadata)
        takesModelTimes = try Self.flag("ld3.model_times", metadata)
        guard let evaluations = Int(metadata["ld3.evaluations"] ?? "1"), (1...1000).contains(evaluations) else {
            throw Self.wrong("ld3.evaluations", metadata["ld3.evaluations"] ?? "", "a number from 1 to 1000")
        }
        self.evaluations = evaluations
    }

    private static func shape(_ metadata: [String: String]) throws -> [Int]? {
        try metadata["ld3.sample_shape"].map { text in
            guard let shape = try? JSONValue(parsing: text).integers, isSampleShape(shape) else {
                throw wrong("ld3.sample_shape", text, "a list of positive sizes")
            }
            return shape
        }
    }

    private static func interval(_ metadata: [String: String]) throws -> NoiseProcess? {
        guard let text = metadata["ld3.interval"] else {
            guard metadata["ld3.process"] != nil else {
                throw Failure(.inputOutput, "the model frame has neither ld3.interval nor ld3.process")
            }
            return nil
        }
        guard metadata["ld3.process"] == nil else {
            throw Failure(.inputOutput, "the model frame has both ld3.interval and ld3.process")
        }
        guard let ends = (try? JSONValue(parsing: text))?.doubles, ends.count == 2, ends.allSatisfy(\.isFinite),
            ends[0] > ends[1]
        else { throw wrong("ld3.interval", text, "two numbers [T, END] that fall") }
        return .interval(start: ends[0], end: ends[1])
    }

    private static func flag(_ key: String, _ metadata: [String: String]) throws -> Bool {
        let text = metadata[key] ?? "false"
        guard let value = ["true": true, "false": false][text] else { throw wrong(key, text, "true or false") }
        return value
    }

    private static func wrong(_ key: String, _ text: String, _ due: String) -> Failure {
        Failure(.inputOutput, "\(key) of the model frame is `\(text)`, not \(due)")
    }
}
