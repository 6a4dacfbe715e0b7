import Commands
import Fitting

extension OptionGroup {
    static let baselines = OptionGroup(
        "published baselines (--method gits, ays, d-ode); each prints its network evaluations",
        [
            .value("gits-metric", "NAME", default: "dev", "dev, l1 or l2: what a step's error is"),
            .value("gits-coefficient", "X", default: "1.15", "weight of the steps to come"),
            .value("teacher-steps", "N", default: "60", "of the GITS teacher, on the edm grid with iPNDM 4"),
            .value("warm-up", "N", default: "256", "noises of the GITS teacher, at most the pairs to train on"),
            .value("ays-samples", "N", default: "32", "of each KLUB estimate"),
            .value("ays-sweeps", "N", default: "5", "visits of every time, at most, at each resolution"),
            .value("subdivisions", "N", default: "10", "D-ODE teacher steps for each step"),
            .value("d-ode-samples", "N", default: "100", "noises of D-ODE's one batch, at most the pairs to train on"),
        ])
}

extension Arguments {
    func gits() throws -> GITS {
        GITS(
            metric: try choice("gits-metric") as GITS.Metric,
            coefficient: try double("gits-coefficient", in: 0...1000))
    }

    func aysSettings() throws -> AYSSettings {
        var settings = AYSSettings()
        settings.samples = try integer("ays-samples", in: 1...1 << 20)
        settings.sweeps = try integer("ays-sweeps", in: 1...1000)
        settings.seed = UInt64(try integer("seed", in: 0...Int.max))
        return settings
    }

    func dODESettings() throws -> DODESettings {
        var settings = DODESettings()
        settings.subdivisions = try integer("subdivisions", in: 1...1000)
        settings.samples = try integer("d-ode-samples", in: 1...1 << 30)
        return settings
    }
}
