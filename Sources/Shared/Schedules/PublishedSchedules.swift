import Diffusion

/// Noise levels that are printed in papers or shipped with other tools (docs/methods/heuristics.md, "Published tables").
package enum PublishedSchedules {
    package static let all = ays + gits + DMNSchedules.all

    /// Align Your Steps (Sabour et al. 2024, Table 3), with the longer digits of ComfyUI. Lists for other numbers of steps
    /// are interpolated, as in ComfyUI's node.
    static let ays = [
        sigmas(
            "ays:sd15",
            [
                14.6146412293, 6.4745760956, 3.8636745985, 2.6946151520, 1.8841921177, 1.3943805092, 0.9642583904,
                0.6523686016, 0.3977456272, 0.1515232662, 0.0291671582,
            ]),
        sigmas(
            "ays:sdxl",
            [
                14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769, 1.3405244945, 0.8620721141, 0.5550693289,
                0.3798540708, 0.2332364134, 0.1114188177, 0.0291671582,
            ]),
        sigmas("ays:deepfloyd", [160.41, 8.081, 3.315, 1.885, 1.207, 0.785, 0.553, 0.293, 0.186, 0.030, 0.006]),
        sigmas("ays:svd", [700.00, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002]),
    ]

    /// GITS (Chen et al. 2024): its own list for CIFAR-10 with iPNDM, ComfyUI's for Stable Diffusion with two coefficients,
    /// and those of the LD3 repository.
    static let gits = [
        TabulatedSchedule(
            spelling: "gits:cifar10", quantity: .sigma,
            lists: [[80, 10.9836, 3.8811, 1.584, 0.5666, 0.1698, 0.002]]),
        stableDiffusion("gits:comfy-1.20", comfy120), stableDiffusion("gits:comfy-1.15", comfy115),
        stableDiffusion("gits:dpm-solver++", priorDPM), stableDiffusion("gits:ipndm", priorIPNDM),
    ]

    private static func sigmas(_ spelling: String, _ values: [Double]) -> TabulatedSchedule {
        TabulatedSchedule(spelling: spelling, quantity: .sigma, lists: [values], interpolates: true)
    }

    /// Makes a table of lists without their ends, which are Stable Diffusion's own.
    private static func stableDiffusion(_ spelling: String, _ interiors: [[Double]]) -> TabulatedSchedule {
        TabulatedSchedule(
            spelling: spelling, quantity: .sigma, lists: interiors.map { [14.61464119] + $0 + [0.02916753] })
    }

    private static let comfy120 = [
        [0.803307],
        [1.56271636, 0.52423614],
        [2.36326075, 0.92192322, 0.36617002],
        [2.84484982, 1.24153244, 0.59516323, 0.25053367],
        [5.85520077, 2.05039096, 0.95350921, 0.45573691, 0.17026083],
        [5.85520077, 2.45070267, 1.24153244, 0.64427125, 0.29807833, 0.09824532],
        [5.85520077, 2.45070267, 1.36964464, 0.803307, 0.45573691, 0.25053367, 0.09824532],
        [5.85520077, 2.84484982, 1.61558151, 0.95350921, 0.59516323, 0.36617002, 0.19894916, 0.09824532],
        [5.85520077, 2.84484982, 1.67050016, 1.08895338, 0.74807048, 0.50118381, 0.32104823, 0.19894916, 0.09824532],
    ]
    private static let comfy115 = [
        [0.83188516],
        [1.84880662, 0.59516323],
        [5.85520077, 1.56271636, 0.52423614],
        [5.85520077, 1.91321158, 0.83188516, 0.34370604],
        [5.85520077, 2.45070267, 1.24153244, 0.59516323, 0.25053367],
        [5.85520077, 2.84484982, 1.56271636, 0.89115214, 0.50118381, 0.25053367, 0.09824532],
        [6.77309084, 3.07277966, 1.91321158, 1.24153244, 0.803307, 0.52423614, 0.34370604, 0.19894916, 0.09824532],
    ]
    private static let priorDPM = [
        [1.5286, 0.4936],
        [3.1131, 1.0421, 0.3811],
        [4.39, 1.4467, 0.6114, 0.2255],
        [4.39, 1.8073, 0.8319, 0.3811, 0.1258],
        [4.39, 2.0267, 1.0421, 0.5712, 0.3058, 0.1258],
        [5.9489, 2.9183, 1.5286, 0.8811, 0.4936, 0.2667, 0.1258],
        [6.4477, 3.1131, 1.7083, 1.0421, 0.6526, 0.4183, 0.2667, 0.1258],
        [7.6188, 4.0861, 2.4211, 1.4467, 0.9324, 0.6114, 0.3811, 0.2255, 0.1258],
        [7.0019, 3.8092, 2.2797, 1.5286, 1.0421, 0.7391, 0.4936, 0.3437, 0.2255, 0.1258],
    ]
    private static let priorIPNDM = [
        [1.7083, 0.532],
        [3.1131, 1.0421, 0.3811],
        [4.39, 1.5286, 0.6526, 0.2667],
        [4.7242, 1.9132, 0.9324, 0.4557, 0.1801],
        [6.4477, 2.2797, 1.1629, 0.6114, 0.3058, 0.1258],
        [6.4477, 2.7391, 1.4467, 0.8319, 0.4936, 0.2667, 0.1258],
        [6.4477, 3.3251, 1.9132, 1.1629, 0.7391, 0.4557, 0.2667, 0.1258],
        [5.9489, 3.3251, 2.0267, 1.2969, 0.8319, 0.5712, 0.3811, 0.2255, 0.1258],
        [6.4477, 3.8092, 2.2797, 1.5286, 1.0421, 0.7391, 0.4936, 0.3437, 0.2255, 0.1258],
    ]
}
