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
    /// The architecture as JSON (`precond`, `init_kwargs`, or `architecture`); nil if the file does not tell it.
    var configuration: String? { get }
}

extension WeightSource {
    package func withFloats(_ name: String, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws {
        try floats(name).withUnsafeBufferPointer(body)
    }
}
