import Fitting
import Solvers
import Tensors

/// The parameters of least validation loss so far, with the losses that they reach.
package struct Champion: Sendable, Equatable {
    package var parameters: [Double]
    /// The loss of each validation pair.
    package var losses: [Double]
    package var loss: Double { losses.reduce(0, +) / Double(losses.count) }

    /// Puts `parameters` in the champion's place if their validation loss is smaller. Returns that loss, or nil if the
    /// validation was given up early or the network broke down.
    mutating func challenge<Element: TensorElement>(
        by parameters: [Double], _ student: Student<Element, TimesFamily>, on validation: FittingSet<Element>
    ) throws -> (loss: Double?, wins: Bool) {
        let isAbortable = student.solver.resources.savings.contains(.earlyAbort)
        // The champion's worst pairs come first: they tell soonest that a challenger loses.
        let order = isAbortable ? losses.indices.sorted { losses[$0] > losses[$1] } : Array(losses.indices)
        let bound = isAbortable ? losses.reduce(0, +) : .infinity
        let ordered = try unlessBroken {
            try student.solver.losses(student.course(parameters), validation, at: order, abandoningAbove: bound)
        }
        guard let ordered = ordered ?? nil, ordered.allSatisfy(\.isFinite) else { return (nil, false) }
        var challenger = Champion(parameters: parameters, losses: ordered)
        for (position, index) in order.enumerated() { challenger.losses[index] = ordered[position] }
        let wins = challenger.loss < loss
        if wins { self = challenger }
        return (challenger.loss, wins)
    }
}
