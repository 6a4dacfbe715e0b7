import Checkpoints
import Diagnostics
import Diffusion
import Formats
import Networks
import Tensors

/// A checkpoint of EDM's family, opened as a denoiser under EDM's process.
package struct NetworkModel {
    package let configuration: NetworkConfiguration
    let denoiser: NetworkDenoiser
    /// A note for the user about the choice of the weights.
    let remarks: [String]

    /// - Parameters:
    ///   - architecture: JSON with `precond` and `init_kwargs`, for a file that does not tell its architecture.
    ///
    /// Throws `data`, naming the path, if the weights are corrupt or the architecture is unknown.
    init(_ weights: any WeightSource, path: String, architecture: JSONValue?, engine: EngineSettings) throws {
        try self.init(
            weights: weights, configuration: try locating(path) { try Self.configuration(of: weights, architecture) },
            place: path, engine: engine)
    }

    /// Makes a network of a named architecture with random weights.
    init(random name: String, engine: EngineSettings) throws {
        let weights = try locating("model random") { try RandomWeights(named: name) }
        try self.init(
            weights: weights, configuration: Self.configuration(of: weights, nil), place: "random:\(name)",
            engine: engine)
    }

    private init(
        weights: any WeightSource, configuration: NetworkConfiguration, place: String, engine: EngineSettings
    ) throws {
        self.configuration = configuration
        guard configuration.imageWidth == nil else {
            throw Failure(
                .data, place: place,
                "works on pictures of \(configuration.imageSize); those of such a network must be square")
        }
        let weights = try locating(place) { try PixelNetworks.named(weights, for: configuration) }
        remarks = weights.remarks.map { "\(place) \($0)" }
        let preconditioning = try locating(place) { try Self.preconditioning(configuration.preconditioning) }
        let network = try locating(place) {
            try PixelNetworks.open(
                weights: weights, configuration: configuration, pool: engine.makePool(), precision: engine.precision)
        }
        let size = configuration.imageResolution
        denoiser = NetworkDenoiser(
            network: network, preconditioning: preconditioning,
            sampleShape: [configuration.imageChannels, size, size], labelCount: configuration.labelDimension)
    }

    /// Returns the preconditioning of a class. Throws `.data`, naming the class, if it is unknown.
    private static func preconditioning(_ name: String) throws -> Preconditioning {
        guard let preconditioning = preconditionings[name] else {
            throw Failure(
                .data, place: "configuration: precond", unknown: name, choices: preconditionings.keys.sorted())
        }
        return preconditioning
    }

    private static let preconditionings: [String: Preconditioning] = [
        "EDMPrecond": .edm, "VPPrecond": .vp, "VEPrecond": .ve, "iDDPMPrecond": .iddpm,
    ]

    /// Returns EDM's process over the noise levels of EDM's sampler, 0.002 to 80, cut down to those of the network.
    static func process(of configuration: NetworkConfiguration) -> NoiseProcess {
        .edm(minimum: max(0.002, configuration.sigmaMin), maximum: min(80, configuration.sigmaMax))
    }

    /// Returns the process that the checkpoint's `config` names, for descriptions; nil if there is no `config`.
    package static func processSpelling(of configuration: JSONValue?) throws -> String? {
        try configuration.map { process(of: try NetworkConfiguration($0)).spelling }
    }

    private static func configuration(
        of weights: any WeightSource, _ architecture: JSONValue?
    ) throws -> NetworkConfiguration {
        if let architecture { return try locating("architecture") { try NetworkConfiguration(architecture) } }
        guard let document = try weights.document else {
            throw Failure(
                .data, "does not tell its architecture",
                suggestion: "give it with <architecture> FILE.json: precond and init_kwargs as EDM names them")
        }
        // The pickle of another network tells its class, and nothing else that is known here.
        if let name = document["precond"]?.string { _ = try preconditioning(name) }
        return try NetworkConfiguration(document)
    }
}
