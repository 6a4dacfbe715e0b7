import Diagnostics
import Tensors

/// Everything that a network is told besides x and t, one row for each sample.
package struct Condition: Sendable, Equatable {
    /// Class numbers, -1 for none, [B]; nil if the samples have no classes.
    package var classes: [Int]?
    /// Prompts, nil for none, [B]; nil if the samples have no prompts.
    package var prompts: [Prompt?]?
    /// The prompts away from which guidance leads, nil for none, [B]; nil if there are none at all.
    package var negativePrompts: [Prompt?]?
    /// Tensors [B, ...] by the name that they have in a stream: `condition`, or `condition.NAME`.
    package var tensors: [String: Tensor<Float>]

    /// The condition of samples of which the network is told nothing.
    package static let none = Condition()

    package init(
        classes: [Int]? = nil, prompts: [Prompt?]? = nil, negativePrompts: [Prompt?]? = nil,
        tensors: [String: Tensor<Float>] = [:]
    ) {
        self.classes = classes
        self.prompts = prompts
        self.negativePrompts = negativePrompts
        self.tensors = tensors
    }

    /// Whether the network is told nothing.
    package var isEmpty: Bool { classes == nil && prompts == nil && tensors.isEmpty }

    /// Returns the rows at `indices`, in that order; a row may come several times.
    package func rows(_ indices: [Int]) -> Condition {
        Condition(
            classes: classes.map { classes in indices.map { classes[$0] } },
            prompts: prompts.map { prompts in indices.map { prompts[$0] } },
            negativePrompts: negativePrompts.map { prompts in indices.map { prompts[$0] } },
            tensors: tensors.mapValues { $0.gather(indices) })
    }

    /// The condition of the same samples away from which guidance leads: no classes, the negative prompts or none, and the
    /// tensors `NAME_null` in the place of `NAME`.
    package var unconditional: Condition {
        Condition(
            classes: classes?.map { _ in -1 }, prompts: prompts.map { negativePrompts ?? $0.map { _ in nil } },
            tensors: tensors.reduce(into: tensors) { $0[$1.key] = tensors[$1.key + Self.nullSuffix] ?? $1.value })
    }

    /// Whether there is something towards which guidance can lead.
    package var canGuide: Bool {
        classes != nil || prompts != nil || tensors.keys.contains { $0.hasSuffix(Self.nullSuffix) }
    }

    /// The end of the name of a tensor away from which guidance leads. The rest is the name of the tensor towards which it
    /// leads.
    package static let nullSuffix = "_null"

    /// Returns the rows of `parts` one after another.
    ///
    /// If some parts have classes or prompts and others have none, the others' rows are -1 or nil. Throws `data` if a tensor
    /// is missing from a part, or has samples of another shape there.
    ///
    /// - Parameter counts: the number of samples of each part.
    package static func concatenate(_ parts: [Condition], counts: [Int]) throws -> Condition {
        precondition(parts.count == counts.count)
        func joined<Value>(_ rows: KeyPath<Condition, [Value]?>, none: Value) -> [Value]? {
            guard parts.contains(where: { $0[keyPath: rows] != nil }) else { return nil }
            return zip(parts, counts).flatMap { $0[keyPath: rows] ?? [Value](repeating: none, count: $1) }
        }
        var tensors: [String: Tensor<Float>] = [:]
        for name in Set(parts.flatMap(\.tensors.keys)) {
            let pieces = parts.compactMap { $0.tensors[name] }
            guard pieces.count == parts.count else {
                throw Failure(.data, "some parts have the tensor `\(name)`, others not")
            }
            guard pieces.allSatisfy({ $0.sampleShape == pieces[0].sampleShape }) else {
                throw Failure(.data, "the tensor `\(name)` has samples of different shapes")
            }
            tensors[name] = Tensor.concatenate(pieces)
        }
        return Condition(
            classes: joined(\.classes, none: -1), prompts: joined(\.prompts, none: nil),
            negativePrompts: joined(\.negativePrompts, none: nil), tensors: tensors)
    }
}
