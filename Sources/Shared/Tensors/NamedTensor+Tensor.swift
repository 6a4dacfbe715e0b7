import Diagnostics
import Formats

extension NamedTensor {
    /// Stores Float as F32 and Double as F64.
    package init<Element: TensorElement>(name: String, tensor: Tensor<Element>) {
        self.init(
            name: name, type: Element.self == Double.self ? .float64 : .float32, shape: tensor.shape,
            bytes: tensor.bytes)
    }

    /// Returns the tensor, with any stored number type converted to Element.
    ///
    /// Throws a `Failure` with status `.data` if the bytes are not as many as the shape says.
    package func tensor<Element: TensorElement>(of type: Element.Type = Element.self) throws -> Tensor<Element> {
        if Element.self == Float.self { return try Tensor(shape: shape, elements: floats()).converted() }
        return try Tensor(shape: shape, elements: doubles()).converted()
    }
}
