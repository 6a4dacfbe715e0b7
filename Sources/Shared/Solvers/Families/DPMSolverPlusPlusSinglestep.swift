import Diffusion
import Tensors

/// DPM-Solver++ singlestep, data prediction (Lu et al. 2022b): DPM-Solver++(2S), Algorithm 1 with r = 1/2, and the update
/// (3S) of the authors' code with r_1 = 1/3 and r_2 = 2/3 (docs/methods/solvers.md, "DPM-Solver++ singlestep").
struct DPMSolverPlusPlusSinglestep: SinglestepFamily {
    let name = "dpm-solver++s"
    let publishedNames: [(pattern: String, options: Set<Solver.Option>)] = [("dpm_solver++#s", [])]
    let prediction = Prediction.data

    /// k-diffusion's sampler is (2S) if it adds no noise.
    func comfySampler(_ solver: Solver) -> String? {
        switch solver.order {
        case 1: "euler"
        case 2: "dpmpp_2s_ancestral with eta 0"
        default: nil
        }
    }

    /// The DDIM step sigma_u / sigma_t x - alpha_u (e^-h - 1) D.
    func firstOrder<T: Real>(_ process: NoiseProcess, from t: T, to u: T) -> (state: T, output: T) {
        let h = process.lambda(u) - process.lambda(t)
        return (process.sigma(u) / process.sigma(t), -process.alpha(u) * T.expm1(-h))
    }

    func linearChange<T: Real>(_ process: NoiseProcess, to u: T, h: T) -> T {
        -process.alpha(u) * psi(-h, count: 1)[0]
    }
}

extension Solver.Family {
    package static let dpmSolverPlusPlusSinglestep = Self(DPMSolverPlusPlusSinglestep())
}
