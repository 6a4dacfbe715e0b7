import Diagnostics
import Diffusion
import Formats
import TensorStream
import Tensors

extension Condition {
    /// Reads the condition of `count` samples from what a frame or a batch holds of it.
    ///
    /// Throws `data` if a tensor has not `count` rows or holds NaN or infinity, if a tensor away from which guidance leads
    /// stands without the one of the same shape towards which it leads, if a prompt is not in the list, and if there is a list
    /// without the tensor `prompt`.
    ///
    /// - Parameters:
    ///   - tensors: those called `condition`, `condition.NAME` and `prompt` are read, the others are not.
    ///   - prompts: the list of `ld3.prompts`; nil if there is none.
    ///   - negativePrompt: the value of `ld3.negative_prompt`; nil if there is none.
    package init(
        classes: [Int]?, tensors: [NamedTensor], prompts: [String]?, negativePrompt: String? = nil, count: Int
    ) throws {
        self.init(classes: classes)
        guard prompts == nil || count == 0 || tensors.contains(where: { $0.name == promptTensor }) else {
            throw Failure(.data, "has \(Key.prompts) and no tensor `\(promptTensor)`, which tells whose they are")
        }
        for tensor in tensors where isConditionTensor(tensor.name) {
            guard tensor.shape.first == count else {
                throw Failure(
                    .data, "tensor `\(tensor.name)` of shape \(tensor.shape) has not \(counted(count, "row"))")
            }
            if tensor.name == promptTensor {
                self.prompts = try Self.prompts(tensor, among: prompts)
                negativePrompts = negativePrompt.map { [Prompt?](repeating: Prompt($0), count: count) }
            } else {
                let values: Tensor<Float> = try tensor.tensor()
                guard values.firstNonFinite() == nil else {
                    throw Failure(.data, "tensor `\(tensor.name)` has NaN or infinity")
                }
                self.tensors[tensor.name] = values
            }
        }
        try requirePartners()
    }

    private func requirePartners() throws {
        for (name, tensor) in tensors where name.hasSuffix(Self.nullSuffix) {
            let partner = String(name.dropLast(Self.nullSuffix.count))
            guard let shape = tensors[partner]?.shape else {
                throw Failure(
                    .data, "has the tensor `\(name)` without `\(partner)`, towards which guidance would lead")
            }
            guard shape == tensor.shape else {
                throw Failure(
                    .data, "tensor `\(name)` has the shape \(tensor.shape), and `\(partner)` has \(shape)")
            }
        }
    }

    private static func prompts(_ indices: NamedTensor, among list: [String]?) throws -> [Prompt?] {
        guard let list else {
            throw Failure(.data, "has the tensor `\(promptTensor)` and no \(Key.prompts), which it needs")
        }
        guard indices.shape.count == 1 else {
            throw Failure(
                .data, "tensor `\(promptTensor)` has the shape \(indices.shape), not one index for each sample")
        }
        return try indices.int64s().map { index in
            guard index >= -1, index < Int64(list.count) else {
                throw Failure(
                    .data, "prompt \(index) is not in \(Key.prompts), which has \(counted(list.count, "prompt"))")
            }
            return index < 0 ? nil : Prompt(list[Int(index)])
        }
    }

    /// The tensors of a frame that tell the condition: `label`, `prompt` and those of `tensors`.
    package var namedTensors: [NamedTensor] {
        var result: [NamedTensor] = []
        if let classes {
            result.append(NamedTensor(name: "label", shape: [classes.count], int64s: classes.map { Int64($0) }))
        }
        if let prompts {
            var places = Distinct(prompts.compactMap(\.self)).places.makeIterator()
            let indices = prompts.map { $0 == nil ? -1 : Int64(places.next() ?? -1) }
            result.append(NamedTensor(name: promptTensor, shape: [indices.count], int64s: indices))
        }
        return result + tensors.sorted { $0.key < $1.key }.map { NamedTensor(name: $0.key, tensor: $0.value) }
    }

    /// The metadata that `prompt` refers to.
    package var metadata: [String: String] {
        guard let prompts else { return [:] }
        let list = Distinct(prompts.compactMap(\.self)).values
        return [Key.prompts: JSONValue.array(list.map { .string($0.text) }).text]
    }
}
