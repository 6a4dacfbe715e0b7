import Diagnostics
import Formats

extension WeightSource {
    /// Returns the shape of the weights of a layer, or nil if there are none. Throws `data` if they are no matrix or kernel, or
    /// if a size is not within 1 to 2^20.
    package func layerShape(of name: String) throws -> [Int]? {
        guard let shape = shape(of: name) else { return nil }
        guard shape.count >= 2, shape.allSatisfy({ (1...1 << 20).contains($0) }) else {
            throw Failure(.data, place: name, "has shape \(shape), which no layer has")
        }
        return shape
    }
}
