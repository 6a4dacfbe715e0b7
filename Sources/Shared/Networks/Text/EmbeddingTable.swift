import Diagnostics
import Engine
import Formats
import Tensors

/// A table of vectors, one for each token or class.
package struct EmbeddingTable: Sendable {
    /// [rows, width]
    private let table: Parameter

    package var count: Int { table.shape[0] }
    package var width: Int { table.shape[1] }

    /// Throws `data` if `name` is no matrix of the file.
    package init(_ name: String, weights: any WeightSource) throws {
        guard let shape = weights.shape(of: name), shape.count == 2, shape.allSatisfy({ $0 > 0 }) else {
            throw Failure(.data, place: name, "is no table of embeddings")
        }
        table = Parameter(name: name, shape: shape, access: { body in try weights.withFloats(name, body) })
    }

    /// Returns the rows at `indices`, [count, width]. The table itself is not kept in memory.
    ///
    /// Throws `data` if an index is beyond the table.
    package func rows(_ indices: [Int]) throws -> Tensor<Float> {
        if let index = indices.first(where: { !(0..<count).contains($0) }) {
            throw Failure(.data, place: table.name, "has \(count) rows and none with number \(index)")
        }
        return try table.withElements { elements in
            Tensor(
                shape: [indices.count, width],
                elements: indices.flatMap { elements[$0 * width..<($0 + 1) * width] })
        }
    }
}
