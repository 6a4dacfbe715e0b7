import Diffusion
import Tensors

/// DPM-Solver++ multistep, data or noise prediction (Lu et al. 2022b; docs/methods/solvers.md, "DPM-Solver++").
struct DPMSolverPlusPlus: SolverFamily {
    let name = "dpm-solver++"
    let publishedNames: [(pattern: String, options: Set<Solver.Option>)] = [("dpm_solver++#", [])]
    let orders = 1...3
    let exclusions: [Set<Solver.Option>] = [[.noise, .thresholding]]
    let wastesLastEvaluation = true

    func options(order: Int) -> [Solver.Option] {
        [.noise] + (order == 3 ? [.exactThird] : []) + [.noLowerOrderFinal, .thresholding]
    }

    func startsWithoutSignal(_ solver: Solver) -> Bool { !solver.options.contains(.noise) }

    func comfySampler(_ solver: Solver) -> String? {
        guard !solver.options.contains(.thresholding) else { return nil }
        switch solver.order {
        case 1: return "euler"
        case 2: return solver.options.contains(.noise) ? nil : "dpmpp_2m"
        default: return nil
        }
    }

    /// With u = -h and B = -alpha_i for the data prediction, u = h and B = -sigma_i for the noise prediction, both forms
    /// are A x_{i-1} + B expm1(u) m_{i-1}, plus B expm1(u) D1 / 2 at order 2, plus B (psi_1(u) D1 + psi_2(u) D2) at
    /// order 3.
    func recursion<T: Real>(_ solver: Solver, _ grid: TimeGrid<T>, modelTimes: [T]) -> LinearRecursion<T> {
        let noise = solver.options.contains(.noise)
        var recursion = LinearRecursion(prediction: noise ? .noise : .data, modelTimes: modelTimes)
        for i in 1...grid.steps {
            let order = solver.multistepOrder(i, of: grid.steps)
            let h = grid.rise(from: i - 1, to: i)
            let u = noise ? h : -h
            let scale = noise ? -grid.sigma[i] : -grid.alpha[i]
            var row = LinearRecursion<T>.Combination()
            row.add(
                state: i - 1, noise ? grid.alpha[i] / grid.alpha[i - 1] : grid.sigma[i] / grid.sigma[i - 1])
            row.add(output: i - 1, scale * T.expm1(u))
            if order == 2 {
                let r = grid.ratio(from: i - 2, to: i - 1, by: h)
                row.addDifference(0.5 * scale * T.expm1(u) / r, i - 1, i - 2)
            } else if order == 3 {
                let isExact = solver.options.contains(.exactThird)
                addThirdOrder(to: &row, grid, step: i, h: h, u: u, scale: scale, isExact: isExact)
            }
            recursion.rows.append(.init(predictor: row))
        }
        return recursion
    }

    /// Adds the terms of order 3. With D1_0 = (m0 - m1) / r0, D1_1 = (m1 - m2) / r1 and g = r0 / (r0 + r1) these are
    /// D1 = D1_0 + g (D1_0 - D1_1) and D2 = (D1_0 - D1_1) / (r0 + r1). The published code takes half of D2, the Taylor
    /// series (`isExact`) the whole.
    private func addThirdOrder<T: Real>(
        to row: inout LinearRecursion<T>.Combination, _ grid: TimeGrid<T>, step i: Int, h: T, u: T, scale: T,
        isExact: Bool
    ) {
        let r0 = grid.ratio(from: i - 2, to: i - 1, by: h)
        let r1 = grid.ratio(from: i - 3, to: i - 2, by: h)
        let phi = psi(u, count: 2)
        let second = (isExact ? 2.0 : 1.0) * phi[1] / (r0 + r1)
        let g = r0 / (r0 + r1)
        row.addDifference(scale * (phi[0] * (1.0 + g) + second) / r0, i - 1, i - 2)
        row.addDifference(-scale * (phi[0] * g + second) / r1, i - 2, i - 3)
    }
}

extension Solver.Family {
    package static let dpmSolverPlusPlus = Self(DPMSolverPlusPlus())
}

extension Solver.Option {
    /// DPM-Solver++ for the noise prediction.
    package static let noise = Self("noise")
    /// DPM-Solver++ of order 3 with the whole quadratic term, of which the published code takes half.
    package static let exactThird = Self("exact-third")
}
