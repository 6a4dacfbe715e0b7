import Diagnostics

extension Solver {
    package static let spellings = Family.allCases.map(\.rawValue)

    /// Parses `--solver`, `--order` and `--variant`; `variant` is a list of option words with commas between.
    ///
    /// `name` may also be METHODS' own name, which tells order and variant: ipndm3, dpm_solver++2, uni_pc_bh1_3,
    /// dpm_solver2.
    ///
    /// - Parameter prefix: of `solver`, `order` and `variant` in messages: "--" where options say them, "ld3." where a
    ///   stream does.
    package init(name: String, order: Int? = nil, variant: String? = nil, prefix: String = "--") throws {
        var options: Set<Option> = []
        for word in (variant ?? "").split(separator: ",").map(String.init) {
            guard let option = Option(rawValue: word) else {
                throw Failure(place: "\(prefix)variant", unknown: word, choices: Option.allCases.map(\.rawValue))
            }
            options.insert(option)
        }
        if let family = Family(rawValue: name) {
            try self.init(family, order: order, options: options, prefix: prefix)
        } else if let known = Self.reference(name) {
            try self.init(
                known.family, order: order ?? known.order, options: options.union(known.options), prefix: prefix)
        } else {
            throw Failure(place: "\(prefix)solver", unknown: name, choices: Self.spellings)
        }
    }

    /// The references' names: a family under its own spelling with the order as last digit.
    private static func reference(_ name: String) -> (family: Family, order: Int, options: Set<Option>)? {
        guard let order = name.last?.wholeNumberValue else { return nil }
        switch name.dropLast() {
        case "ipndm": return (.ipndm, order, [])
        case "ipndm_v": return (.ipndmVariable, order, [])
        case "dpm_solver++": return (.dpmSolverPlusPlus, order, [])
        case "dpm_solver": return (.dpmSolver, order, [])
        case "uni_pc_bh1_": return (.unipc, order, [.bh1])
        case "uni_pc_bh2_": return (.unipc, order, [.bh2])
        default: return nil
        }
    }

    /// The options in a fixed order, as `--variant` and ld3.variant spell them; empty for a family's usual form.
    package var variant: String {
        Option.allCases.filter(options.contains).map(\.rawValue).joined(separator: ",")
    }

    /// For people: "ipndm 3", "unipc 3 bh1", "heun".
    package var name: String {
        var words = [family.rawValue]
        if family.orders.count > 1 { words.append(String(order)) }
        if !variant.isEmpty { words.append(variant) }
        return words.joined(separator: " ")
    }
}
