/// The named tensors of a model file, whatever its container: safetensors, PyTorch zip or legacy, NVIDIA pickle.
package protocol WeightSource: Sendable {
    /// In the file's order.
    var tensorNames: [String] { get }
    func type(of name: String) -> DataType?
    func shape(of name: String) -> [Int]?
    /// Elements in row-major order, any float or integer type widened to Float. Throws where the name is missing.
    func floats(_ name: String) throws -> [Float]
    /// Hands the same elements to `body`, in place where the file holds them as they are.
    func withFloats(_ name: String, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws
    /// The architecture as JSON (`precond`, `init_kwargs`, or `architecture`) where the file tells it.
    var configuration: String? { get }
}

extension WeightSource {
    package func withFloats(_ name: String, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws {
        try floats(name).withUnsafeBufferPointer(body)
    }
}
