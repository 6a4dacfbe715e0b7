import Solvers
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
}
