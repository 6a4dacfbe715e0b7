import Diagnostics
import Formats

/// One frame of the stream: a complete safetensors image, holding one batch.
package struct Frame: Sendable, Equatable {
    /// The header's `__metadata__`.
    package var metadata: [String: String]
    /// In the order of their data.
    package var tensors: [NamedTensor]

    package init(metadata: [String: String] = [:], tensors: [NamedTensor] = []) {
        self.metadata = metadata
        self.tensors = tensors
    }

    package subscript(name: String) -> NamedTensor? { tensors.first { $0.name == name } }
}
