import Formats
import Foundation
import Tensors
import TestSupport

/// max |a - b| / max |b|
func relativeError(_ values: [Double], _ expected: [Double]) -> Double {
    guard values.count == expected.count, !values.isEmpty else { return .infinity }
    let largest = expected.map(abs).max() ?? 0
    let difference = zip(values, expected).map { abs($0 - $1) }.reduce(0) { $1.isNaN ? .infinity : max($0, $1) }
    return difference / largest
}

func doubles(_ tensor: Tensor<Float>) -> [Double] { tensor.elements.map { Double($0) } }

extension SafetensorsFile {
    func floatTensor(_ name: String) throws -> Tensor<Float> {
        let elements = try floats(name)
        return Tensor(shape: shape(of: name) ?? [], elements: elements)
    }
}

enum EmbeddedModel {
    static let path = "\(Fixtures.root)/Sources/Shared/Models/Resources/mnist32-edm.safetensors"
}
