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

    /// Returns the method that is asked for. Throws `usage` if its options contradict each other.
    package static func chosen(by values: any OptionValues) throws -> any FitMethod {
        let name = try values.string("method")
        let takesParts = name == GGDM.name || !values.isGiven("learn")
        guard let type = takesParts ? named.first(where: { $0.name == name }) : GeneralizedFit.self else {
            throw Failure(place: "method", unknown: name, choices: named.map { $0.name })
        }
        let method = try type.init(values)
        if !(method is GeneralizedFit || method is GGDM) { try CoefficientSettings.refuse(values) }
        return method
    }
}
