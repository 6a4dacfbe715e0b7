import Commands
import Diagnostics
import FeatureNetworks
import Fitting
import Metrics
import Models
import Networks
import Tensors

extension OptionGroup {
    static let baselines = OptionGroup(
        "published baselines (--method gits, ays, d-ode, ggdm); each prints its network evaluations",
        [
            .value("gits-metric", "NAME", default: "dev", "dev, l1 or l2: what a step's error is"),
            .value("gits-coefficient", "X", default: "1.15", "weight of the steps to come"),
            .value("teacher-steps", "N", default: "60", "of the GITS teacher, on the edm grid with iPNDM 4"),
            .value("warm-up", "N", default: "256", "noises of the GITS teacher, at most the pairs to train on"),
            .value("ays-samples", "N", default: "32", "of each KLUB estimate"),
            .value("ays-sweeps", "N", default: "5", "visits of every time, at most, at each resolution"),
            .value("subdivisions", "N", default: "10", "D-ODE teacher steps for each step"),
            .value("d-ode-samples", "N", default: "100", "noises of D-ODE's one batch, at most the pairs to train on"),
            .value("ggdm-iterations", "N", default: "100", "steps of GGDM"),
            .value("ggdm-batch", "N", default: "32", "noises of a step, at most the pairs to train on"),
            .value("ggdm-learning-rate", "X", default: "0.003", "of Adam; it falls to zero"),
            .value(
                "features", "NAME",
                "whose distribution GGDM matches: mnist32, elements (the samples' own), or lpips (the last tap of "
                    + "--lpips-weights) [mnist32 where it fits]"),
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

    func ggdmSettings() throws -> GGDMSettings {
        var settings = GGDMSettings()
        settings.iterations = try integer("ggdm-iterations", in: 1...1 << 30)
        settings.batch = try integer("ggdm-batch", in: 2...1 << 20)
        settings.learningRate = try double("ggdm-learning-rate", in: 0...1000)
        settings.seed = UInt64(try integer("seed", in: 0...Int.max))
        return settings
    }

    /// --features, for samples of a shape.
    func features<Element: TensorElement>(sampleShape: [Int]) throws -> any DifferentiableFeatures<Element> {
        let name = stringIfGiven("features") ?? (sampleShape == [1, 32, 32] ? "mnist32" : "elements")
        let network: any TapNetwork
        switch name {
        case "mnist32": network = try FeatureCatalogue.perceptual(threads: threads())
        case "lpips":
            network = try FeatureCatalogue.perceptual(
                weights: try string("lpips-weights"), linear: try string("lpips-linear"), threads: threads()
            ).network
        case "elements": return ElementFeatures()
        default: throw Failure(place: "--features", unknown: name, choices: ["mnist32", "elements", "lpips"])
        }
        guard sampleShape.count == 3, let features = TapFeatures(network) as? any DifferentiableFeatures<Element> else {
            throw Failure(
                .usage, place: "--features \(name)", "needs images, not samples of shape \(sampleShape)",
                suggestion: "use elements")
        }
        return features
    }
}
