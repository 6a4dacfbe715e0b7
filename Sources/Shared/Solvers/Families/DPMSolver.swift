import Diffusion
import Tensors

/// DPM-Solver singlestep, noise prediction (Lu et al. 2022, Algorithms 1 and 2).
struct DPMSolver: SinglestepFamily {
    let name = "dpm-solver"
    let publishedNames: [(pattern: String, options: Set<Solver.Option>)] = [("dpm_solver#", [])]
    let defaultOrder = 2
    let prediction = Prediction.noise

    func startsWithoutSignal(_ solver: Solver) -> Bool { false }

    /// The DDIM step alpha_u / alpha_t x + alpha_u (s_u - s_t) e.
    func firstOrder<T: Real>(_ process: NoiseProcess, from t: T, to u: T) -> (state: T, output: T) {
        let carry = process.carry(from: t, to: u)
        return (carry.state, carry.slope * (process.clock(u) - process.clock(t)))
    }

    func linearChange<T: Real>(_ process: NoiseProcess, to u: T, h: T) -> T {
        -process.sigma(u) * (T.expm1(h) / h - 1.0)
    }
}

extension Solver.Family {
    package static let dpmSolver = Self(DPMSolver())
}
