import Diffusion
import Solvers
import Tensors

/// A vector of parameters and the step program that it stands for.
///
/// The program is written once over `Real`, so that Double gives the coefficients and `Dual` their exact derivatives
/// too.
package protocol ProgramFamily: Sendable {
    var parameterCount: Int { get }
    func program<T: Real>(_ parameters: [T]) throws -> StepProgram<T>

    /// This family, if it chooses times and nothing else, as it must to be fitted to a sampler; nil for others.
    var timesAlone: TimesFamily? { get }

    /// Returns the indices of the parameters that a fit of `parts` may move. Parameters without effect are not among
    /// them.
    func indices(of parts: LearnedParts) -> [Int]
    /// The parameters that a ridge holds to those of a start.
    var coefficientOffsets: Range<Int> { get }
    /// Moves parameters outside their bounds, where they have no gradient and would be stuck, onto the bounds.
    func project(_ parameters: inout [Double])
    /// Returns the parameters that move a bound on which another parameter lies, although gradients take it as fixed.
    func boundMovers(at parameters: [Double]) -> [Int]
}

extension ProgramFamily {
    package var timesAlone: TimesFamily? { nil }

    /// Returns the program with its derivatives in every parameter.
    func differentiated(_ parameters: [Double]) throws -> StepProgram<Dual> {
        try program(
            parameters.enumerated().map { Dual.variable($0.element, index: $0.offset, of: parameters.count) })
    }
}

/// The parts of a solver that a fit may change.
package struct LearnedParts: OptionSet, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    package static let times = LearnedParts(rawValue: 1)
    package static let modelTimes = LearnedParts(rawValue: 2)
    package static let coefficients = LearnedParts(rawValue: 4)
    package static let all: LearnedParts = [.times, .modelTimes, .coefficients]
}
