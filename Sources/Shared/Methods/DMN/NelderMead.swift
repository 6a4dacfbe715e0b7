/// Nelder and Mead's simplex search: for few variables and objectives without derivatives.
struct NelderMead {
    /// The search ends when the simplex' values lie this close together, relatively.
    var tolerance = 1e-12
    var iterations = 4000

    /// Returns the best point found from a simplex of `size` around `start`.
    func minimize(
        _ objective: ([Double]) -> Double, from start: [Double], size: Double
    ) -> (point: [Double], value: Double) {
        let dimension = start.count
        var simplex = [(point: start, value: objective(start))]
        for axis in 0..<dimension {
            var point = start
            point[axis] += size
            simplex.append((point, objective(point)))
        }
        for _ in 0..<iterations {
            simplex.sort { $0.value < $1.value }
            let (best, worst) = (simplex[0], simplex[dimension])
            if worst.value - best.value <= tolerance * abs(best.value) { break }
            let centre = (0..<dimension).map { axis in
                simplex.dropLast().reduce(0) { $0 + $1.point[axis] } / Double(dimension)
            }
            func along(_ factor: Double) -> (point: [Double], value: Double) {
                let point = zip(centre, worst.point).map { $0 + factor * ($0 - $1) }
                return (point, objective(point))
            }
            let reflected = along(1)
            if reflected.value < best.value {
                let expanded = along(2)
                simplex[dimension] = expanded.value < reflected.value ? expanded : reflected
            } else if reflected.value < simplex[dimension - 1].value {
                simplex[dimension] = reflected
            } else {
                let contracted = along(reflected.value < worst.value ? 0.5 : -0.5)
                if contracted.value < min(worst.value, reflected.value) {
                    simplex[dimension] = contracted
                } else {
                    for index in 1...dimension {
                        let point = zip(best.point, simplex[index].point).map { 0.5 * ($0 + $1) }
                        simplex[index] = (point, objective(point))
                    }
                }
            }
        }
        return simplex.min { $0.value < $1.value } ?? simplex[0]
    }
}
