import Fitting
import Models
import TensorStream
import Tensors

/// The facts of a fit that people are told.
package struct FitFacts {
    /// The facts under their names.
    package let list: [(name: String, text: String)]

    /// - Parameter part: the first part of the stream of pairs, whose history names the programs that made it.
    package init(model: Model, train: Pairs<Float>, validation: Pairs<Float>, from part: StreamPart) throws {
        func told(_ pairs: Pairs<Float>) -> String {
            guard let first = pairs.seeds.first, let last = pairs.seeds.last else { return "none" }
            return "\(pairs.count), seeds \(first) to \(last)"
        }
        list =
            [
                ("model", model.name + (model.sha256.map { ", sha256 \($0)" } ?? "")),
                ("process", model.process.spelling), ("training pairs", told(train)),
                ("validation pairs", told(validation)),
            ] + (try part.history().pipeline.map { [("pairs made by", $0)] } ?? [])
    }
}
