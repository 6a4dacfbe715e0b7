import Formats
import Foundation
import Tensors
import TestSupport

/// Returns the weights and the recorded values of the network `name`: those of the repository, else those of `folder` in
/// the whole collection.
func networkFixture(_ name: String, folder: String) throws -> (weights: SafetensorsFile, recorded: SafetensorsFile) {
    func file(_ part: String) throws -> SafetensorsFile {
        let file = "\(name).\(part).safetensors"
        let own = Fixtures.path("networks/\(file)")
        let isOwn = FileManager.default.fileExists(atPath: own)
        return try SafetensorsFile(path: isOwn ? own : Fixtures.shared("\(folder)/\(file)") ?? own)
    }
    return (try file("weights"), try file("io"))
}

/// max |a - b| / max |b|
func relativeError(_ values: [Double], _ expected: [Double]) -> Double {
    guard values.count == expected.count, !values.isEmpty else { return .infinity }
    let largest = expected.map(abs).max() ?? 0
    let difference = zip(values, expected).map { abs($0 - $1) }.reduce(0) { $1.isNaN ? .infinity : max($0, $1) }
    return difference / largest
}

func doubles(_ tensor: Tensor<Float>) -> [Double] { tensor.elements.map { Double($0) } }

enum EmbeddedModel {
    static let path = "\(Fixtures.root)/Sources/Shared/Models/Resources/mnist32-edm.safetensors"
}
