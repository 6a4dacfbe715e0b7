import Diagnostics
import Models
import Tensors

/// The rule that gives each seed its class.
package enum LabelRule: Sendable, Equatable {
    case none
    /// Drawn for each seed.
    case uniform
    /// The seed modulo the number of classes.
    case balanced
    case constant(Int)

    /// Parses `none`, `uniform`, `balanced` or a class number. Throws `usage` on anything else.
    package init(parsing word: String) throws {
        switch word {
        case "none": self = .none
        case "uniform": self = .uniform
        case "balanced": self = .balanced
        default:
            guard let label = Int(word) else {
                throw Failure(
                    .usage, "`\(word)` is neither none, uniform, balanced nor a class",
                    suggestion: suggestion(for: word, among: ["none", "uniform", "balanced"]))
            }
            self = .constant(label)
        }
    }

    /// Throws `usage` if the rule names a class that is none of `classes`, or if the model that is opened has not so many.
    package func check(classes: Int, of model: Model? = nil) throws {
        try model?.check(classes: classes)
        guard case .constant(let label) = self, !(0..<classes).contains(label) else { return }
        throw Failure(.usage, "\(label) is not one of the \(classes) classes, 0 to \(classes - 1)")
    }

    /// Returns the class of each seed, or nil if there are no labels.
    package func labels(_ seeds: [Int64], classes: Int) -> [Int]? {
        switch self {
        case .none: nil
        case .uniform: seeds.map { GaussianNoise.label(seed: $0, classes: classes) }
        case .balanced: seeds.map { Int($0 % Int64(classes)) }
        case .constant(let label): seeds.map { _ in label }
        }
    }
}
