import Diagnostics
import Fitting
import Options

/// The table of methods: a new one is a file and a line here.
package enum FitMethods {
    package static let all: [any FitMethod.Type] = [
        LD3.self, GeneralizedFit.self, HeuristicFit.self, DMN.self, GITS.self, AYS.self, DODE.self, GGDM.self,
    ]

    /// The methods that `method` names; `learn` asks for the generalized one.
    private static var named: [any FitMethod.Type] { all.filter { $0 != GeneralizedFit.self } }

    /// The option that names a method.
    package static let option = Option.choice(
        "method", among: named.map { $0.name }, default: LD3.name,
        named.map { $0.name }.joined(separator: ", ") + " (heuristic: the discretization of least validation loss)")

    /// The names of methods that read no options of their own.
    package static var withoutOptions: [String] {
        named.filter { $0.options.isEmpty }.map { $0.name }
    }

    /// The groups of options of all methods, in the order of the table.
    package static var options: [OptionGroup] { all.flatMap { $0.options } }

    /// The options that several methods read.
    private static let shared = TimesSettings.names.union(["seed", "hard"]).sorted()

    /// Returns the method that is asked for. `warn` is told of options that change nothing with it. Throws `usage` if its
    /// options contradict each other, or if an option of another method is given.
    package static func chosen(
        by values: any OptionValues, warn: (String) -> Void
    ) throws -> any FitMethod {
        let name = try values.string("method")
        let takesParts = name == GGDM.name || !values.isGiven("learn")
        if !takesParts, values.isGiven("method") {
            throw Failure.option(
                "learn", "is for Gauss-Newton's method and \(GGDM.name)'s, not for \(name)",
                suggestion: "leave out \(spelled("method")) or \(spelled("learn"))")
        }
        guard let type = takesParts ? named.first(where: { $0.name == name }) : GeneralizedFit.self else {
            throw Failure(place: "method", unknown: name, choices: named.map { $0.name })
        }
        if type != GeneralizedFit.self, type != GGDM.self { try CoefficientSettings.refuse(values) }
        // The options about coefficients stand among Gauss-Newton's, and GGDM reads them too.
        let own = Set(type.options.flatMap(\.options).map(\.name) + CoefficientSettings.options.map(\.name))
        for group in all.flatMap({ $0.options }) {
            try values.refuse(
                group.options.map(\.name).filter { !own.contains($0) },
                "belongs to \(group.title), and the fit is that of \(type.request)")
        }
        for option in shared where values.isGiven(option) && !type.shared.contains(option) {
            warn("\(spelled(option)) changes nothing with \(type.request)")
        }
        return try type.init(values)
    }
}
