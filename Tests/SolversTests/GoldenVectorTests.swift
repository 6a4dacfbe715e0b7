import Diffusion
import Schedules
import SolverTestSupport
import Solvers
import Tensors
import Testing

/// The golden values of one solver. Gradients are empty if none are given.
private struct Golden: Sendable {
    var solver: String
    var values: [Double]
    /// The derivatives of L in t_1 to t_4.
    var times: [Double] = []
    /// The derivatives of L in model times 1 to 4.
    var modelTimes: [Double] = []
    /// The derivatives of L in x_T.
    var start: [Double] = []
}

private enum GoldenVectors {
    static let edm: [Golden] = [
        Golden(
            solver: "euler", values: [0.3942913195, 0.216507796],
            times: [-0.003246864844, -0.01582476354, -0.06361858143, 0.3052150164],
            modelTimes: [0.003227280339, 0.01615327286, 0.02879909469, 0.1437392422],
            start: [0.0009694851958, 0.0006445220161]),
        Golden(solver: "ddim", values: [0.3942913195, 0.216507796]),
        Golden(solver: "ipndm2", values: [0.4163838927, 0.2373701862]),
        Golden(
            solver: "ipndm3", values: [0.3600732619, 0.2951416576],
            times: [-0.04431708512, 0.05355742614, -0.1327069912, 0.825384543],
            modelTimes: [0.04429519498, -0.05313424674, 0.08120113861, 0.3891019575],
            start: [-1.556884867e-05, 0.0005358080209]),
        Golden(solver: "ipndm4", values: [0.3267042822, 0.3397754038]),
        Golden(solver: "dpm_solver++2", values: [0.4519793464, 0.1962019126]),
        Golden(
            solver: "dpm_solver++3", values: [0.4539670104, 0.1948417366],
            times: [-6.18719872e-05, -0.001525518853, 0.05570112167, -0.01051895864],
            modelTimes: [5.34360988e-05, -7.001014214e-05, -0.09866984933, 0.2817717988],
            start: [0.001603817196, 0.0008580736572]),
        Golden(solver: "uni_pc_bh1_1", values: [0.4069576885, 0.2133641208]),
        Golden(solver: "uni_pc_bh1_2", values: [0.544056675, 0.1637322823]),
        Golden(
            solver: "uni_pc_bh1_3", values: [0.544074399, 0.1636684428],
            times: [-0.0001312076526, -0.006249642972, 0.170019333, -0.4903805623],
            modelTimes: [0.0001189211192, 0.001316949584, -0.211849949, 0.099840555],
            start: [0.002764551639, 0.001096755012]),
        Golden(solver: "uni_pc_bh2_2", values: [0.4554247114, 0.1956493639]),
        Golden(
            solver: "uni_pc_bh2_3", values: [0.4570635376, 0.1943543788],
            times: [-5.824901159e-05, -0.001547664414, 0.05557495912, -0.000340177389],
            modelTimes: [5.351944088e-05, 5.926365913e-06, -0.1015350586, 0.2812145664],
            start: [0.001634410293, 0.000869117651]),
        Golden(solver: "dpm_solver2", values: [0.7969384531, 0.3158781679]),
        Golden(solver: "heun", values: [0.7187098829, 0.3014645293]),
    ]

    static let vpLinear: [Golden] = [
        Golden(
            solver: "euler", values: [0.5071733005, 0.1126946186],
            times: [0.02474007955, 0.05877187978, 0.1473883489, 0.3276650624],
            modelTimes: [-0.03432623407, -0.06453091831, -0.09772502592, -0.3906634251],
            start: [0.2108225773, 0.06115458149]),
        Golden(
            solver: "ddim", values: [0.3835004672, 0.1794960922],
            times: [0.03457410225, 0.04337647684, 0.08443743316, 0.1151946951],
            modelTimes: [-0.03269529425, -0.05186962746, -0.08497071002, -0.4141082371],
            start: [0.07945643561, 0.05202338293]),
        Golden(solver: "ipndm2", values: [0.4260681432, 0.1608496474]),
        Golden(solver: "ipndm4", values: [0.4105105762, 0.07471170406]),
        Golden(
            solver: "ipndm3", values: [0.43181663, 0.1256291984],
            times: [-0.5062409542, 0.4380376936, -0.1797785226, 0.01526666127],
            modelTimes: [0.501158936, -0.5198887954, 0.3283466347, -0.7591577006],
            start: [0.1272635975, 0.05672563268]),
        Golden(solver: "dpm_solver++2", values: [0.3858608981, 0.1796477326]),
        Golden(
            solver: "dpm_solver++3", values: [0.3860523057, 0.179497659],
            times: [-0.0004503472078, -0.002525785694, 0.008093483939, -0.01448131242],
            modelTimes: [0.0002041728737, -0.0008096170108, -0.01493956242, -0.2933030396],
            start: [0.07931374446, 0.05333698269]),
        Golden(solver: "uni_pc_bh1_1", values: [0.3854819958, 0.1802461699]),
        Golden(solver: "uni_pc_bh1_2", values: [0.3890579445, 0.1776562634]),
        Golden(solver: "uni_pc_bh2_2", values: [0.3873088903, 0.1788701007]),
        Golden(
            solver: "uni_pc_bh1_3", values: [0.3890108564, 0.1776849034],
            times: [3.249572876e-05, -0.004916961737, 0.01360645183, -0.02197879034],
            modelTimes: [-3.586710497e-05, 0.00103867062, -0.01901781494, -0.3004732028],
            start: [0.08110170726, 0.05429709998]),
        Golden(
            solver: "uni_pc_bh2_3", values: [0.3872835459, 0.1788788699],
            times: [9.853658393e-05, -0.00256148981, 0.006425163471, -0.0143520175],
            modelTimes: [-1.41417934e-05, 0.0001717932337, -0.01625550175, -0.296907319],
            start: [0.08002965191, 0.0537357683]),
        Golden(solver: "dpm_solver2", values: [0.7734644549, 0.4214290544]),
    ]
}

/// Golden values of a one-dimensional mixture with N = 5 and model times t_i (1 + 0.02 (-1)^i), computed in double precision
/// from the published formulas. They agree with the official solvers wherever those run, UniPC within its single precision.
@Suite struct GoldenVectorTests {
    @Test func onEDM() throws {
        for golden in GoldenVectors.edm { try check(golden, .edm, grid: .edm, start: [40, -25]) }
    }

    @Test func onVPLinear() throws {
        for golden in GoldenVectors.vpLinear { try check(golden, .vpLinear, grid: .uniform, start: [0.5, -0.3125]) }
    }

    private func check(_ golden: Golden, _ process: NoiseProcess, grid: Discretization, start: [Double]) throws {
        let times = try grid.times(steps: 5, process: process)
        let modelTimes = times.enumerated().map { index, t in
            (1...4).contains(index) ? t * (index % 2 == 0 ? 1.02 : 0.98) : t
        }
        let executor = Executor<Double>(denoiser: try smallMixture(process))
        let solver = try Solver(name: golden.solver)
        let x = Tensor(shape: [2, 1], elements: start)
        let result = try executor.run(
            solver.program(process: process, times: times, modelTimes: modelTimes), from: x)
        // Ten digits are given. UniPC's come from the reference, which casts to float32.
        #expect(relativeDistance(result.elements, golden.values) < 2e-8, "\(golden.solver)")
        guard !golden.times.isEmpty else { return }
        let gradient = try gradients(
            of: solver, process: process, times: times, modelTimes: modelTimes, executor: executor, start: x,
            cotangent: result)
        #expect(relativeDistance(Array(gradient.times[1...4]), golden.times) < 1e-8, "\(golden.solver) dt")
        #expect(
            relativeDistance(Array(gradient.modelTimes[1...4]), golden.modelTimes) < 1e-8,
            "\(golden.solver) d model times")
        #expect(relativeDistance(gradient.start.elements, golden.start) < 1e-8, "\(golden.solver) dx")
    }
}
