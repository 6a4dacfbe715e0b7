import Diffusion
import Solvers
import Tensors
import Testing

/// A list is fitted for one sampler, so ComfyUI's is named only if it takes the same steps.
struct ComfySamplerTests {
    @Test(arguments: [
        (Solver.Family.ipndm, 4, "ipndm"), (.ipndmVariable, 4, "ipndm_v"), (.deisTime, 3, "deis"),
        (.unipc, 3, "uni_pc"), (.dpmSolverPlusPlus, 2, "dpmpp_2m"),
    ])
    func oneOrderHasTheSampler(family: Solver.Family, order: Int, sampler: String) throws {
        #expect(try Solver(family, order: order).comfySampler == sampler)
        for other in 2...4 where other != order {
            guard let solver = try? Solver(family, order: other) else { continue }
            #expect(solver.comfySampler == nil)
            #expect(try solver.comfyRelative == Solver(family, order: order))
        }
    }

    @Test(arguments: [
        (Solver.Family.ipndm, 4, Solver.Option.analyticFirst), (.ipndmVariable, 4, .analyticFirst),
        (.deisTime, 3, .analyticFirst), (.unipc, 3, .noCorrector), (.unipc, 3, .correctLast),
        (.dpmSolverPlusPlus, 2, .thresholding), (.ddim, 1, .analyticFirst), (.euler, 1, .analyticFirst),
    ])
    func aVariantThatChangesStepsHasNone(family: Solver.Family, order: Int, option: Solver.Option) throws {
        #expect(try Solver(family, order: order).comfySampler != nil)
        #expect(try Solver(family, order: order, options: [option]).comfySampler == nil)
    }

    /// diffusers 0.42's UniPCMultistepScheduler ends here from the state 1 along these times, for Gaussian data.
    @Test(arguments: [
        (2, Solver.Option.bh1, 0.8523305648), (2, .bh2, 0.8404804894), (3, .bh1, 0.8528365871), (3, .bh2, 0.8420590810),
    ])
    func uniPCIsThatOfDiffusers(order: Int, variant: Solver.Option, end: Double) throws {
        let process = NoiseProcess.vpDiscrete(.stableDiffusion)
        let gaussian = GaussianDenoiser<Double>(sampleShape: [1], mean: 0.3, deviation: 0.7, process: process)
        let program = try Solver(.unipc, order: order, options: [variant]).program(
            process: process, times: [1, 0.8, 0.6, 0.401, 0.201, 0.001])
        let result = try Executor(denoiser: gaussian).run(program, from: Tensor(shape: [1, 1], elements: [1]))
        #expect(abs(result[0] - end) < 1e-6)
    }
}
