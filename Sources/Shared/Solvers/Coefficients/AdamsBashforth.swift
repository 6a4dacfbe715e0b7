import Diffusion
import Tensors

/// Returns the recursion x_i = carried x_{i-1} + (clock step) * sum_k w_k m_{i-1-k}, where m is the slope that the
/// process prefers (docs/methods/solvers.md, "iPNDM").
///
/// - Parameter weights: the weights of step i = 1...N, with the newest slope first.
func adamsBashforth<T: Real>(
    _ grid: TimeGrid<T>, _ modelTimes: [T], weights: (_ step: Int) -> [T]
) -> LinearRecursion<T> {
    let process = grid.process
    var recursion = LinearRecursion(prediction: process.slope, modelTimes: modelTimes)
    for i in 1...grid.steps {
        let carry = process.carry(from: grid.times[i - 1], to: grid.times[i])
        let step = process.clock(grid.times[i]) - process.clock(grid.times[i - 1])
        var predictor = LinearRecursion<T>.Combination()
        predictor.add(state: i - 1, carry.state)
        for (back, weight) in weights(i).enumerated() {
            predictor.add(output: i - 1 - back, carry.slope * step * weight)
        }
        recursion.rows.append(.init(predictor: predictor))
    }
    return recursion
}

/// Returns the recursion whose weights suit uneven steps: the means over each step of the Lagrange basis on the newest
/// times.
///
/// - Parameters:
///   - points: returns how many times step i = 1...N interpolates.
///   - integrals: returns the integrals over the clock from time `from` to time `to` of the basis on the times `nodes`,
///     which come newest first.
func adamsBashforth<T: Real>(
    _ grid: TimeGrid<T>, _ modelTimes: [T], points: (_ step: Int) -> Int,
    integrals: (_ nodes: [T], _ from: T, _ to: T) -> [T]
) -> LinearRecursion<T> {
    adamsBashforth(grid, modelTimes) { i in
        let points = points(i)
        guard points > 1 else { return [1.0] }
        let step = grid.process.clock(grid.times[i]) - grid.process.clock(grid.times[i - 1])
        let nodes = (0..<points).map { grid.times[i - 1 - $0] }
        // The basis sums to one, so its integrals sum to the step. Constant slopes stay exact this way.
        let older = integrals(nodes, grid.times[i - 1], grid.times[i]).dropFirst().map { $0 / step }
        return [older.reduce(1.0) { $0 - $1 }] + older
    }
}
