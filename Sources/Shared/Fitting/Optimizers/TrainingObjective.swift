import LinearAlgebra
import Solvers
import Tensors

/// The mean loss of training pairs as a function of some of a family's parameters: value, exact gradient, Gauss-Newton
/// matrix.
struct TrainingObjective<Element: TensorElement, Family: ProgramFamily> {
    let student: Student<Element, Family>
    /// The parameters that are free.
    let free: [Int]
    /// One or more sets, the first of which gives the curvature.
    let sets: [FittingSet<Element>]

    /// Returns the mean loss with its gradient in the free parameters, [F], if that is wanted. Nil if the loss exceeds
    /// `bound`, or if the gradient is wanted and is not finite.
    func loss(
        _ parameters: [Double], below bound: Double = .infinity, wantsGradient: Bool
    ) throws -> (loss: Double, gradient: [Double]?)? {
        let count = Double(sets.map(\.count).reduce(0, +))
        let bound = student.solver.resources.savings.contains(.earlyAbort) ? bound * count : .infinity
        var losses: [Double] = []
        if !wantsGradient {
            let course = try student.course(parameters)
            for set in sets {
                let rest = bound - losses.reduce(0, +)
                guard let more = try student.solver.losses(course, set, abandoningAbove: rest) else { return nil }
                losses += more
            }
            return (mean(losses), nil)
        }
        var gradient = [Double](repeating: 0, count: free.count)
        for (set, chunk) in chunks {
            let solved = try student.linearized(parameters, set, at: chunk, ofNoises: false)
            losses += solved.losses
            guard losses.reduce(0, +) <= bound, let slopes = try solved.pullback()?.parameters else { return nil }
            for (index, parameter) in free.enumerated() {
                gradient[index] += slopes[parameter] * Double(chunk.count) / count
            }
        }
        return (mean(losses), gradient)
    }

    /// Returns the Gauss-Newton matrix of the mean loss, row-major [F, F], from `pairs` of the first set, or from more
    /// if samples are so small that these would not tell.
    func gaussNewton(_ parameters: [Double], pairs: Int) throws -> [Double] {
        let train = sets[0]
        let size = student.solver.sampler == nil ? train.pairs.noise.sampleCount : 1
        let enough = max(pairs, Self.residualsPerParameter * free.count / size)
        let pairs = Array(0..<min(enough, train.count))
        let scale = 2 / Double(pairs.count * size)
        var curvature = [Double](repeating: 0, count: free.count * free.count)
        for chunk in pairs.chunks(of: Self.gradientChunk) {
            let gram = try student.jacobian(parameters, train, at: chunk, free: free).gram
            for index in curvature.indices { curvature[index] += scale * gram[index] }
        }
        return curvature
    }

    private var chunks: [(set: FittingSet<Element>, pairs: [Int])] {
        sets.flatMap { set in Array(0..<set.count).chunks(of: Self.gradientChunk).map { (set, $0) } }
    }

    private static var residualsPerParameter: Int { 20 }

    /// A constant, since sums of gradients over other chunks would round in another way.
    private static var gradientChunk: Int { 10 }
}

/// Holds the coefficient offsets of a family to those of a start: `weight` times the sum of their squared moves.
struct Ridge {
    var weight: Double
    var center: [Double]
    var offsets: Range<Int>

    func penalty(_ parameters: [Double]) -> Double {
        let moves = offsets.map { parameters[$0] - center[$0] }
        return weight * moves.reduce(0) { $0 + $1 * $1 }
    }

    /// Adds the penalty's own gradient in the parameters `free`.
    func add(to gradient: inout [Double], _ free: [Int], at parameters: [Double]) {
        for (index, parameter) in free.enumerated() where offsets.contains(parameter) {
            gradient[index] += 2 * weight * (parameters[parameter] - center[parameter])
        }
    }

    /// Adds the penalty's own second derivatives.
    func add(to curvature: inout [Double], _ free: [Int]) {
        for (index, parameter) in free.enumerated() where offsets.contains(parameter) {
            curvature[index * free.count + index] += 2 * weight
        }
    }
}
