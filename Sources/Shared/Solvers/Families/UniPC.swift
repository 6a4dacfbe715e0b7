import Diffusion
import Tensors

/// UniPC, a predictor and a corrector, data prediction (Zhao et al. 2023; docs/methods/solvers.md, "UniPC").
struct UniPC: SolverFamily {
    let name = "unipc"
    let publishedNames: [(pattern: String, options: Set<Solver.Option>)] = [
        ("uni_pc_bh1_#", [.bh1]), ("uni_pc_bh2_#", [.bh2]),
    ]
    let orders = 1...3
    let exclusions: [Set<Solver.Option>] = [[.bh1, .bh2], [.noCorrector, .correctLast]]
    let wastesLastEvaluation = true

    func options(order: Int) -> [Solver.Option] {
        [.bh1, .bh2, .noCorrector, .correctLast, .noLowerOrderFinal, .thresholding]
    }

    func completed(_ options: Set<Solver.Option>) -> Set<Solver.Option> {
        options.contains(.bh2) ? options : options.union([.bh1])
    }

    /// A last step to the data is not corrected.
    func evaluations(_ solver: Solver, steps: Int, _ process: NoiseProcess) -> Int {
        steps + (solver.options.contains(.correctLast) && !process.endsWithoutNoise ? 1 : 0)
    }

    func comfySampler(_ solver: Solver) -> String? {
        guard solver.order == 3, solver.options.count == 1 else { return nil }
        return solver.options.contains(.bh2) ? "uni_pc_bh2" : "uni_pc"
    }

    /// The coefficients have exact derivatives also through the nodes of the linear systems.
    func recursion<T: Real>(_ solver: Solver, _ grid: TimeGrid<T>, modelTimes: [T]) -> LinearRecursion<T> {
        var recursion = LinearRecursion(prediction: .data, modelTimes: modelTimes)
        let options = solver.options
        for i in 1...grid.steps {
            let step = UniPCStep(
                grid, step: i, order: solver.multistepOrder(i, of: grid.steps), isFirstVariant: options.contains(.bh1))
            let corrects = i < grid.steps ? !options.contains(.noCorrector) : options.contains(.correctLast)
            recursion.rows.append(.init(predictor: step.predictor, corrector: corrects ? step.corrector : nil))
        }
        return recursion
    }
}

extension Solver.Family {
    package static let unipc = Self(UniPC())
}

extension Solver.Option {
    /// UniPC's B(h) = h.
    package static let bh1 = Self("bh1")
    /// UniPC's B(h) = e^h - 1.
    package static let bh2 = Self("bh2")
    /// UniPC without its corrector: UniP.
    package static let noCorrector = Self("no-corrector")
    /// UniPC that corrects the last step too, for one evaluation more.
    package static let correctLast = Self("correct-last")
}

/// One step of UniPC. The names are those of docs/methods/solvers.md, "UniPC".
private struct UniPCStep<T: Real> {
    let index: Int
    let order: Int
    /// alpha_i B(h).
    let scale: T
    /// r_1 to r_{p-1}, negative. The last is left out if it is infinite: in the limit it has no weight.
    let nodes: [T]
    /// b_1 to b_p.
    let moments: [T]
    /// The DDIM step to t_i.
    let base: LinearRecursion<T>.Combination

    init(_ grid: TimeGrid<T>, step i: Int, order: Int, isFirstVariant: Bool) {
        let h = grid.rise(from: i - 1, to: i)
        let H = T.expm1(-h)
        // B(h) = h has no limit in a first step from alpha = 0.
        let B = isFirstVariant && !grid.isUnbounded(step: i) ? -h : H
        index = i
        self.order = order
        scale = grid.alpha[i] * B
        nodes = (1..<max(order, 1)).map { grid.ratio(from: i - 1, to: i - 1 - $0, by: h) }.filter(\.value.isFinite)
        moments = psi(-h, count: order).enumerated().map { factorial($0 + 1) * $1 / B }
        var base = LinearRecursion<T>.Combination()
        base.add(state: i - 1, grid.sigma[i] / grid.sigma[i - 1])
        base.add(output: i - 1, -grid.alpha[i] * H)
        self.base = base
    }

    /// Returns the base less alpha_i B sum_k w_k (m_{i-1-k} - m_{i-1}) / r_k.
    private func subtracting(_ weights: [T]) -> LinearRecursion<T>.Combination {
        var row = base
        for (k, weight) in weights.enumerated() {
            row.addDifference(-scale * weight / nodes[k], index - 2 - k, index - 1)
        }
        return row
    }

    /// For p = 2 the weight is 0.5 by definition, not solved for.
    var predictor: LinearRecursion<T>.Combination {
        switch order {
        case 1: base
        case 2: subtracting(nodes.map { _ in 0.5 })
        default: subtracting(vandermondeSolution(nodes: nodes, values: Array(moments.prefix(nodes.count))))
        }
    }

    /// For p = 1 the weight is 0.5 by definition. The node of m_i is r_p = 1.
    var corrector: LinearRecursion<T>.Combination {
        let points = nodes + [1.0]
        let weights =
            order == 1 ? [0.5] : vandermondeSolution(nodes: points, values: Array(moments.prefix(points.count)))
        var row = subtracting(Array(weights.dropLast()))
        row.addDifference(-scale * weights[nodes.count], index, index - 1)
        return row
    }
}
