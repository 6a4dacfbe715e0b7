import Diagnostics
import Formats
import Tensors

/// The embedding of classes of latent diffusion's class-conditional networks: a context of one token.
package struct ClassEmbedder: Sendable {
    private let table: EmbeddingTable

    /// The number of classes. The table has one row more, the last, for no class.
    package var classes: Int { table.count - 1 }
    package var width: Int { table.width }

    /// - Parameter prefix: the text before `embedding.weight`, for example "cond_stage_model.".
    package init(weights: any WeightSource, prefix: String) throws {
        table = try EmbeddingTable(prefix + "embedding.weight", weights: weights)
    }

    /// Returns the contexts [B, 1, width] of class numbers; -1 stands for no class.
    ///
    /// Throws `data` if a number is none of the classes.
    package func contexts(_ numbers: [Int]) throws -> Tensor<Float> {
        if let label = numbers.first(where: { !(-1..<classes).contains($0) }) {
            throw Failure(.data, place: "label", "\(label) is none of the model's \(classes) classes")
        }
        return try table.rows(numbers.map { $0 < 0 ? classes : $0 }).reshaped([numbers.count, 1, width])
    }
}
