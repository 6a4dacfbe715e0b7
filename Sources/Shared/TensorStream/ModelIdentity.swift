/// The name and the digest by which a stream or a schedule tells which model made it.
package struct ModelIdentity: Sendable, Equatable {
    /// The name, as `--model` spells it.
    package let name: String
    /// The digest of the model's file (docs/STREAM.md, `ld3.model_sha256`); nil for a model that is no file.
    package let sha256: String?
    /// The digest of the file that tells the model's architecture; nil if the user gave none.
    package var architectureSHA256: String?

    package init(name: String, sha256: String?, architectureSHA256: String? = nil) {
        self.name = name
        self.sha256 = sha256
        self.architectureSHA256 = architectureSHA256
    }
}
