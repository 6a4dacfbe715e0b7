import Commands
import Diagnostics
import Tensors

/// --labels: which class each seed gets.
enum LabelChoice {
    case none
    case uniform(classes: Int)
    case balanced(classes: Int)
    case constant(Int)

    init(_ arguments: Arguments, _ model: ModelNeeded) throws {
        let word = try arguments.string("labels")
        func classes() throws -> Int {
            if let given = try arguments.integerIfGiven("classes", in: 1...1 << 31) { return given }
            let model = try model.open()
            guard model.labelCount > 0 else {
                throw Failure(
                    .usage, place: "--labels", "the model \(model.name) has no classes",
                    suggestion: "--classes says how many there are")
            }
            return model.labelCount
        }
        switch word {
        case "none": self = .none
        case "uniform": self = .uniform(classes: try classes())
        case "balanced": self = .balanced(classes: try classes())
        default:
            guard let label = Int(word) else {
                throw Failure(
                    .usage, place: "--labels", "`\(word)` is neither none, uniform, balanced nor a class",
                    suggestion: suggestion(for: word, among: ["none", "uniform", "balanced"]))
            }
            let count = try classes()
            guard (0..<count).contains(label) else {
                throw Failure(
                    .usage, place: "--labels", "\(label) is not one of the \(count) classes, 0 to \(count - 1)")
            }
            self = .constant(label)
        }
    }

    func labels(_ seeds: [Int64]) -> [Int]? {
        switch self {
        case .none: nil
        case .uniform(let classes): seeds.map { GaussianNoise.label(seed: $0, classes: classes) }
        case .balanced(let classes): seeds.map { Int($0 % Int64(classes)) }
        case .constant(let label): seeds.map { _ in label }
        }
    }
}
