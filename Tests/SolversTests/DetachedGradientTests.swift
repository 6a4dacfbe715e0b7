import Diffusion
import Formats
import Solvers
import Tensors
import TestSupport
import Testing

/// The reference's UniPC treats the nodes of its linear systems as constants in the gradient. Nothing else differs: its
/// gradients (fixtures, official_detached_grad) are those of our executor with constant nodes.
@Suite struct DetachedGradientTests {
    @Test(arguments: SolverFixture.all) func unipc(name: String, process: NoiseProcess) throws {
        #expect(try SolverFixture(name, process: process).checkDetachedGradients() == 48)
    }
}

extension SolverFixture {
    /// Returns the number of tensors that it compared.
    func checkDetachedGradients() throws -> Int {
        let cotangent: Tensor<Double> = try file.tensor("v").tensor()
        var count = 0
        for name in file.tensorNames where name.hasPrefix("official_detached_grad/") && name.hasSuffix("/d_t1") {
            let (skip, _, solver, steps) = try parse(name)
            let stem = name.dropLast("/d_t1".count)
            let (times, modelTimes) = (try numbers("gt1/\(skip)/n\(steps)"), try numbers("gt2/\(skip)/n\(steps)"))
            let total = 2 * (steps + 1)
            let variables = (times + modelTimes).enumerated().map { Dual.variable($1, index: $0, of: total) }
            let detached = DetachedUniPC(solver: solver, process: process, times: Array(variables[...steps]))
            let program = StepProgram(detached.recursion(Array(variables[(steps + 1)...])), process: process)
            let trace = try executor.trace(program.values, from: start, policy: .recompute)
            let gradient = try executor.pullback(trace, cotangent: cotangent)
            let chained = gradient.chained(through: program, count: total)
            for (suffix, values) in [
                ("d_t1", Array(chained[...steps])), ("d_t2", Array(chained[(steps + 1)...])),
                ("d_xT", gradient.start.elements),
            ] {
                let error = relativeDistance(values, try numbers("\(stem)/\(suffix)"))
                #expect(error < 1e-7, "\(stem)/\(suffix): \(error)")
                count += 1
            }
        }
        return count
    }
}

/// UniPC as docs/methods/solvers.md writes it. The nodes of its linear systems carry no derivatives.
private struct DetachedUniPC {
    let solver: Solver
    let process: NoiseProcess
    let times: [Dual]

    func recursion(_ modelTimes: [Dual]) -> LinearRecursion<Dual> {
        let steps = times.count - 1
        return LinearRecursion(
            prediction: .data, modelTimes: modelTimes,
            rows: (1...steps).map { step in
                let order = min(solver.order, step, steps + 1 - step)
                return .init(
                    predictor: row(step, order, corrects: false),
                    corrector: step < steps ? row(step, order, corrects: true) : nil)
            })
    }

    private func row(_ i: Int, _ order: Int, corrects: Bool) -> LinearRecursion<Dual>.Combination {
        let lambda = times.map { process.lambda($0) }
        let h = lambda[i] - lambda[i - 1]
        let decay = Dual.expm1(-h)
        let alpha = process.alpha(times[i])
        let scale = solver.options.contains(.bh1) ? -h : decay
        var row = LinearRecursion<Dual>.Combination()
        row.add(state: i - 1, process.sigma(times[i]) / process.sigma(times[i - 1]))
        row.add(output: i - 1, -alpha * decay)
        // The outputs besides m_{i-1}, and their places in units of h from lambda_{i-1}.
        var points = (1..<max(order, 1)).map { (i - 1 - $0, (lambda[i - 1 - $0] - lambda[i - 1]) / h) }
        if corrects { points.append((i, 1.0)) }
        let weights = weights(
            points.map(\.1.value), moments(-h, scale, count: points.count), isFixed: points.count == 1)
        for ((index, place), weight) in zip(points, weights) {
            row.add(output: index, -alpha * scale * weight / place)
            row.add(output: i - 1, alpha * scale * weight / place)
        }
        return row
    }

    /// Returns b_k = k! psi_k(u) / B, where psi_1 = expm1(u) / u - 1 and psi_{k+1} = psi_k / u - 1 / (k + 1)!.
    private func moments(_ u: Dual, _ scale: Dual, count: Int) -> [Dual] {
        var (psi, factorial) = (Dual.expm1(u) / u - 1.0, 1.0)
        return (1...max(count, 1)).map { k in
            let moment = factorial * psi / scale
            factorial *= Double(k + 1)
            psi = psi / u - 1 / factorial
            return moment
        }
    }

    /// Returns the solution of sum_k w_k nodes_k^j = b_{j+1} by Lagrange's polynomials, or 0.5 if the weight is fixed.
    private func weights(_ nodes: [Double], _ moments: [Dual], isFixed: Bool) -> [Dual] {
        if isFixed { return [0.5] }
        // A weight is the Lagrange basis polynomial of its node, applied to the moments.
        return nodes.indices.map { k in
            var polynomial = [1.0]
            for (other, node) in nodes.enumerated() where other != k {
                let span = nodes[k] - node
                let (shifted, scaled) = ([0] + polynomial, polynomial.map { -node * $0 } + [0])
                polynomial = zip(shifted, scaled).map { ($0 + $1) / span }
            }
            return zip(polynomial, moments).reduce(Dual(0)) { $0 + $1.0 * $1.1 }
        }
    }
}
