import Diagnostics

extension Solver {
    /// The names of all families.
    package static let spellings = Family.all.map(\.name)

    /// Makes a solver from words. Throws a usage failure if there is no such family, order or option, or if options
    /// exclude each other.
    ///
    /// - Parameters:
    ///   - name: of a family, or a published name that tells order and options too, such as `ipndm3`, `dpm_solver++2`
    ///     or `uni_pc_bh1_3`.
    ///   - order: nil for the published name's or the family's default.
    ///   - variant: words of options with commas between them.
    package init(name: String, order: Int? = nil, variant: String? = nil) throws {
        var options: Set<Option> = []
        for word in (variant ?? "").split(separator: ",").map(String.init) {
            guard let option = Option.all.first(where: { $0.word == word }) else {
                throw Failure(place: "variant", unknown: word, choices: Option.all.map(\.word))
            }
            options.insert(option)
        }
        if let family = Family.known.first(where: { $0.name == name }) {
            try self.init(family, order: order, options: options)
        } else if let known = Self.published(name) {
            try self.init(
                known.family, order: order ?? known.order, options: options.union(known.options))
        } else {
            throw Failure(place: "solver", unknown: name, choices: Self.spellings)
        }
    }

    /// Returns what a published name says, or nil if it is none.
    private static func published(_ name: String) -> (family: Family, order: Int, options: Set<Option>)? {
        for family in Family.all {
            for (pattern, options) in family.rules.publishedNames {
                let parts = pattern.split(separator: "#", omittingEmptySubsequences: false)
                guard parts.count == 2, name.hasPrefix(parts[0]), name.hasSuffix(parts[1]) else { continue }
                let digit = name.dropFirst(parts[0].count).dropLast(parts[1].count)
                if digit.count == 1, let order = digit.first?.wholeNumberValue { return (family, order, options) }
            }
        }
        return nil
    }

    /// The words of the options with commas between them, in a fixed order. Empty for a family's usual form.
    package var variant: String {
        family.options(order: order).filter(options.contains).map(\.word).joined(separator: ",")
    }

    /// The name for people: "ipndm 3", "unipc 3 bh1", "heun".
    package var name: String {
        var words = [family.name]
        if family.orders.count > 1, !isForeign { words.append(String(order)) }
        if !variant.isEmpty { words.append(variant) }
        return words.joined(separator: " ")
    }
}
