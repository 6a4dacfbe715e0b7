import Diagnostics

/// A tensor whose element type we do not know. It is left alone unless it is asked for.
package struct UnreadTensor: Sendable, Equatable {
    package let name: String
    /// The element type as the file names it.
    package let type: String
    package let shape: [Int]

    package init(name: String, type: String, shape: [Int]) {
        (self.name, self.type, self.shape) = (name, type, shape)
    }
}

/// The named tensors of a model file, whatever its container: safetensors, PyTorch zip or legacy, NVIDIA pickle.
package protocol WeightSource: Sendable {
    /// The names in the file's order.
    var tensorNames: [String] { get }
    func type(of name: String) -> DataType?
    func shape(of name: String) -> [Int]?
    /// Returns the elements in row-major order; any float or integer type is widened to Float. Throws `.data` if there
    /// is no such tensor.
    func floats(_ name: String) throws -> [Float]
    /// Calls `body` with the same elements. They are not copied if the file holds them as Floats.
    func withFloats(_ name: String, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws
    /// The tensors of unknown element types, which are not among `tensorNames`.
    var unread: [UnreadTensor] { get }
    /// A note for the user about the choice of these weights, such as averages that are not used.
    var remarks: [String] { get }
    /// The architecture as JSON (`precond`, `init_kwargs`, or `architecture`); nil if the file does not tell it.
    var configuration: String? { get }
}

extension WeightSource {
    package var unread: [UnreadTensor] { [] }
    package var remarks: [String] { [] }

    /// The architecture as a document; nil if the file does not tell it. Throws `.data` if it is not JSON.
    package var document: JSONValue? {
        get throws { try locating("configuration") { try configuration.map { try JSONValue(parsing: $0) } } }
    }

    /// Returns the failure of a reader that needs the tensor `name`, which is not among `tensorNames`.
    package func missing(_ name: String) -> Failure {
        guard let tensor = unread.first(where: { $0.name == name }) else {
            return Failure(.data, place: name, "the model file lacks this tensor")
        }
        return Failure(.data, place: name, "is of type \(tensor.type), which is not read")
    }

    package func withFloats(_ name: String, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws {
        try floats(name).withUnsafeBufferPointer(body)
    }
}
