import Diagnostics
import Diffusion
import TensorStream
import Tensors

/// The conditions that a model takes.
package struct ConditionInputs: Sendable, Equatable {
    /// The shape of a sample in each condition tensor that the model needs, by the tensor's name.
    package var required: [String: [Int]] = [:]
    /// The shapes of those that may stand in the place of prompts and classes.
    package var alternatives: [String: [Int]] = [:]
    /// Whether the model is handed every condition tensor that comes, because it does not say which it needs.
    package var takesAny = false
    package var takesPrompts = false

    /// Returns what the model is given of `condition`. Throws `data` if a tensor is missing or has another shape, if it
    /// stands beside prompts or classes whose place it takes, and if there are prompts that the model cannot read.
    func select(_ condition: Condition) throws -> Condition {
        if condition.prompts != nil, !takesPrompts { throw Failure(.data, "has prompts, which the model cannot read") }
        for (name, shape) in required.merging(alternatives, uniquingKeysWith: { own, _ in own }).sorted(by: {
            $0.key < $1.key
        }) {
            guard let tensor = condition.tensors[name] else {
                guard required[name] != nil else { continue }
                throw Failure(.data, "has no tensor `\(name)` [B] + \(shape), which the model needs")
            }
            guard tensor.sampleShape == shape else {
                throw Failure(
                    .data, "tensor `\(name)` has samples of shape \(tensor.sampleShape), the model wants \(shape)")
            }
            if alternatives[name] != nil, condition.prompts != nil || condition.classes != nil {
                let other = condition.prompts == nil ? "label" : promptTensor
                throw Failure(.data, "has the tensors `\(name)` and `\(other)`, of which the model reads only one")
            }
        }
        var selected = condition
        if !takesAny {
            selected.tensors = condition.tensors.filter { required[$0.key] != nil || alternatives[$0.key] != nil }
        }
        return selected
    }
}
