import Diagnostics
import Formats
import TensorStream
import Tensors

/// The state of a sampler in another process: the tensors `state` and `state.NAME` of an answer, [B, ...] each. Only the
/// sampler knows what is in them.
struct StepperState: Sendable, Equatable {
    var tensors: [NamedTensor]

    /// The tensors that have cotangents.
    var floats: [NamedTensor] { tensors.filter(\.type.isFloat) }

    /// The state that a sampler without `start` begins with.
    init(noise: Tensor<Float>) { tensors = [NamedTensor(name: "state", tensor: noise)] }

    /// Reads the state of `batch` samples that `started` holds. Throws `inputOutput` if there is none.
    init(_ frame: Frame, batch: Int) throws {
        tensors = frame.tensors.filter { Self.holds($0.name) }.sorted { $0.name < $1.name }
        guard !tensors.isEmpty else {
            throw Failure(.inputOutput, "the frame has neither a tensor `state` nor one `state.NAME`")
        }
        for tensor in tensors where tensor.shape.first != batch {
            throw Failure(
                .inputOutput, "`\(tensor.name)` has the shape \(tensor.shape), not one row for each of \(batch) samples"
            )
        }
    }

    /// Reads the state that follows `former`. Throws `inputOutput`, naming the tensor, if one is missing or new, or has
    /// another type or shape.
    init(_ frame: Frame, after former: StepperState) throws {
        for tensor in frame.tensors where Self.holds(tensor.name) {
            guard former.tensors.contains(where: { [$0.name, "\($0.name)_cotangent"].contains(tensor.name) }) else {
                throw Failure(.inputOutput, "`\(tensor.name)` is not in the state that was started")
            }
        }
        tensors = try former.tensors.map { due in
            guard let tensor = frame[due.name] else {
                throw Failure(.inputOutput, "the frame has no tensor `\(due.name)`")
            }
            guard tensor.type == due.type, tensor.shape == due.shape else {
                throw Failure(
                    .inputOutput,
                    "`\(due.name)` is \(tensor.type.rawValue) \(tensor.shape), where \(due.type.rawValue) \(due.shape) was due"
                )
            }
            return tensor
        }
    }

    private static func holds(_ name: String) -> Bool { name == "state" || name.hasPrefix("state.") }

    /// The first sample in whose float tensors there is NaN or infinity.
    func firstNonFiniteSample() throws -> Int? {
        try floats.compactMap { tensor in
            try tensor.doubles().firstIndex { !$0.isFinite }.map { $0 / max(1, tensor.count / tensor.shape[0]) }
        }.min()
    }
}

/// Cotangents of the float tensors of a frame, by the tensor's name.
typealias NamedCotangents = [String: Tensor<Double>]

extension NamedCotangents {
    /// The tensors `cotangent.NAME` of a request, each of the type of its tensor.
    func requested(of tensors: [NamedTensor]) -> [NamedTensor] {
        tensors.map { tensor in
            let values = self[tensor.name] ?? Tensor(shape: tensor.shape)
            return NamedTensor(name: "cotangent.\(tensor.name)", type: tensor.type, values: values)
        }
    }

    /// Reads `NAME_cotangent` of an answer for each tensor of `inputs`. Throws `inputOutput` if one is missing or is no float
    /// tensor of its input's shape.
    init(_ frame: Frame, of inputs: [NamedTensor]) throws {
        self.init(
            uniqueKeysWithValues: try inputs.map { input in
                let name = "\(input.name)_cotangent"
                return (input.name, try frame.tensor(name, shape: input.shape, status: .inputOutput))
            })
    }
}

extension NamedTensor {
    /// Stores values as one of the float types.
    fileprivate init(name: String, type: DataType, values: Tensor<Double>) {
        switch type {
        case .float32: self.init(name: name, tensor: values.converted(to: Float.self))
        case .float16: self.init(name: name, type: type, halves: values) { Float16($0).bitPattern }
        case .bfloat16:
            // Rounded to nearest, ties to even.
            self.init(name: name, type: type, halves: values) { value in
                let bits = Float(value).bitPattern
                return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16)
            }
        default: self.init(name: name, tensor: values)
        }
    }

    private init(name: String, type: DataType, halves values: Tensor<Double>, _ bits: (Double) -> UInt16) {
        let bytes = values.elements.flatMap { value -> [UInt8] in
            let half = bits(value)
            return [UInt8(truncatingIfNeeded: half), UInt8(truncatingIfNeeded: half >> 8)]
        }
        self.init(name: name, type: type, shape: values.shape, bytes: bytes)
    }
}
