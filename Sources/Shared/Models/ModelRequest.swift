import Diagnostics

/// Which model a stage is to work with: what its options say, else what its input names, else the embedded one.
package struct ModelRequest: Sendable {
    /// --model
    package var name: String?
    /// --process
    package var process: String?
    /// --guidance
    package var guidance: Double?
    /// --allow-other-model
    package var allowsOther: Bool
    /// --architecture: a JSON file for checkpoints that do not tell theirs.
    package var architecture: String?

    package init(
        name: String? = nil, process: String? = nil, guidance: Double? = nil, allowsOther: Bool = false,
        architecture: String? = nil
    ) {
        self.name = name
        self.process = process
        self.guidance = guidance
        self.allowsOther = allowsOther
        self.architecture = architecture
    }

    /// The model for input that carries `metadata`, which `place` names.
    ///
    /// Throws `data` where the input was made with a model of another digest, unless `allowsOther`; `warn` is told where
    /// the names differ and no digest decides.
    package func open(for metadata: [String: String], from place: String, warn: (String) -> Void) throws -> Model {
        let streamName = metadata["ld3.model"]
        let sameModel = name == nil || name == streamName
        let model = try ModelCatalogue.open(
            name ?? streamName ?? ModelSpecification.embeddedName,
            process: process ?? (sameModel ? metadata["ld3.process"] : nil),
            guidance: try guidance ?? streamGuidance(metadata, place), architecture: architecture)
        guard !allowsOther, let streamName else { return model }
        if let digest = metadata["ld3.model_sha256"], let own = model.sha256 {
            guard digest == own else {
                throw Failure(
                    .data, place: place, "was made with the model \(streamName) of digest \(digest.prefix(12)), not with "
                        + "\(model.name) of digest \(own.prefix(12))",
                    suggestion: "--allow-other-model goes on all the same")
            }
        } else if streamName != model.name {
            warn("\(place) was made with the model \(streamName), not with \(model.name)")
        }
        return model
    }

    private func streamGuidance(_ metadata: [String: String], _ place: String) throws -> Double {
        guard let text = metadata["ld3.guidance"] else { return 1 }
        guard let weight = Double(text), weight.isFinite else {
            throw Failure(.data, place: place, "ld3.guidance is `\(text)`, not a number")
        }
        return weight
    }
}
