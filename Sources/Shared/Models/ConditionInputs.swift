import Diagnostics
import Diffusion
import Tensors

/// The conditions that a model takes.
package struct ConditionInputs: Sendable, Equatable {
    /// The shape of a sample in each condition tensor that the model needs, by the tensor's name.
    package var shapes: [String: [Int]] = [:]
    /// The names of those that may be missing.
    package var optional: Set<String> = []
    /// Whether the model is handed every condition tensor that comes, because it does not say which it needs.
    package var takesAny = false
    package var takesPrompts = false

    /// The shapes of the tensors that may not be missing.
    package var required: [String: [Int]] { shapes.filter { !optional.contains($0.key) } }

    /// Returns what the model is given of `condition`. Throws `data` if a tensor is missing or has another shape, and if
    /// there are prompts that the model cannot read.
    func select(_ condition: Condition) throws -> Condition {
        var selected = condition
        for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
            guard let tensor = condition.tensors[name] else {
                if optional.contains(name) { continue }
                throw Failure(.data, "has no tensor `\(name)` [B] + \(shape), which the model needs")
            }
            guard tensor.sampleShape == shape else {
                throw Failure(
                    .data, "tensor `\(name)` has samples of shape \(tensor.sampleShape), the model wants \(shape)")
            }
        }
        if !takesAny { selected.tensors = condition.tensors.filter { shapes[$0.key] != nil } }
        if condition.prompts != nil, !takesPrompts { throw Failure(.data, "has prompts, which the model cannot read") }
        return selected
    }
}
