import Diagnostics
import Formats

extension NamedTensor {
    /// F32 for Float, F64 for Double.
    package init<Element: TensorElement>(name: String, tensor: Tensor<Element>) {
        self.init(
            name: name, type: Element.self == Double.self ? .float64 : .float32, shape: tensor.shape,
            bytes: tensor.bytes)
    }

    /// The tensor, any number type converted to Element.
    package func tensor<Element: TensorElement>(of type: Element.Type = Element.self) throws -> Tensor<Element> {
        if Element.self == Float.self { return try Tensor(shape: shape, elements: floats()).converted() }
        return try Tensor(shape: shape, elements: doubles()).converted()
    }
}
