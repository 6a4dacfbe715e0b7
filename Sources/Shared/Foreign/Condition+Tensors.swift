import Diagnostics
import Diffusion
import Formats
import TensorStream
import Tensors

extension Condition {
    /// Reads the condition of `count` samples from what a frame or a batch holds of it.
    ///
    /// Throws `data` if a tensor has not `count` rows or holds NaN or infinity, and if a prompt is not in the list.
    ///
    /// - Parameters:
    ///   - tensors: those called `condition`, `condition.NAME` and `prompt` are read, the others are not.
    ///   - prompts: the value of `ld3.prompts`, a JSON array of strings; nil if there is none.
    ///   - negativePrompt: the value of `ld3.negative_prompt`; nil if there is none.
    package init(
        classes: [Int]?, tensors: [NamedTensor], prompts: String?, negativePrompt: String? = nil, count: Int
    ) throws {
        self.init(classes: classes)
        for tensor in tensors where isConditionTensor(tensor.name) {
            guard tensor.shape.first == count else {
                throw Failure(
                    .data, "tensor `\(tensor.name)` of shape \(tensor.shape) has not \(counted(count, "row"))")
            }
            if tensor.name == promptTensor {
                self.prompts = try Self.prompts(tensor, among: prompts)
                negativePrompts = negativePrompt.map { [String?](repeating: $0, count: count) }
            } else {
                let values: Tensor<Float> = try tensor.tensor()
                guard values.firstNonFinite() == nil else {
                    throw Failure(.data, "tensor `\(tensor.name)` has NaN or infinity")
                }
                self.tensors[tensor.name] = values
            }
        }
    }

    private static func prompts(_ indices: NamedTensor, among text: String?) throws -> [String?] {
        let prompts = try promptList(text)
        guard indices.shape.count == 1 else {
            throw Failure(
                .data, "tensor `\(promptTensor)` has the shape \(indices.shape), not one index for each sample")
        }
        return try indices.int64s().map { index in
            guard index >= -1, index < Int64(prompts.count) else {
                throw Failure(
                    .data,
                    "prompt \(index) is not in \(Key.prompts), which has \(counted(prompts.count, "prompt"))")
            }
            return index < 0 ? nil : prompts[Int(index)]
        }
    }

    /// Returns the prompts of the metadata `ld3.prompts`. Throws `data` if they are not a JSON array of strings.
    package static func promptList(_ text: String?) throws -> [String] {
        let list = try text.map { text in try locating(Key.prompts) { try JSONValue(parsing: text) } }
        guard let prompts = list?.elements?.map(\.string) as? [String] else {
            throw Failure(.data, place: Key.prompts, "is not a JSON array of strings, which `\(promptTensor)` needs")
        }
        return prompts
    }

    /// The tensors of a frame that tell the condition: `label`, `prompt` and those of `tensors`.
    package var namedTensors: [NamedTensor] {
        var result: [NamedTensor] = []
        if let classes {
            result.append(NamedTensor(name: "label", shape: [classes.count], int64s: classes.map { Int64($0) }))
        }
        if let prompts {
            let list = distinctPrompts
            let indices = prompts.map { prompt in
                Int64(prompt.flatMap { list.firstIndex(of: $0) } ?? -1)
            }
            result.append(NamedTensor(name: promptTensor, shape: [indices.count], int64s: indices))
        }
        return result + tensors.sorted { $0.key < $1.key }.map { NamedTensor(name: $0.key, tensor: $0.value) }
    }

    /// The metadata that `prompt` refers to.
    package var metadata: [String: String] {
        prompts == nil ? [:] : [Key.prompts: JSONValue.array(distinctPrompts.map { .string($0) }).text]
    }

    /// Returns each prompt once, in the order of first samples.
    private var distinctPrompts: [String] {
        var seen: Set<String> = []
        return (prompts ?? []).compactMap { $0 }.filter { seen.insert($0).inserted }
    }
}
