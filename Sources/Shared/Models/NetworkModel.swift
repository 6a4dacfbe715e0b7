import Checkpoints
import Diagnostics
import Diffusion
import Formats
import Networks
import Tensors

/// A checkpoint of EDM's family, opened as a denoiser in EDM coordinates.
package struct NetworkModel {
    package let configuration: NetworkConfiguration
    let denoiser: NetworkDenoiser

    /// - Parameters:
    ///   - architecture: JSON for a file that does not tell its own: `precond`, `init_kwargs`.
    ///
    /// Throws `noInput` where the file cannot be opened, `data` where it is corrupt or of no known architecture.
    init(file path: String, architecture: JSONValue?, pool: ThreadPool) throws {
        let weights = try CheckpointFile.open(path)
        try self.init(
            weights: weights, configuration: try locating(path) { try Self.configuration(of: weights, architecture) },
            place: path, pool: pool)
    }

    /// A named architecture with the engine's random weights.
    init(random name: String, pool: ThreadPool) throws {
        let weights = try locating("--model random") { try RandomWeights(named: name) }
        try self.init(
            weights: weights, configuration: Self.configuration(of: weights, nil), place: "random:\(name)", pool: pool)
    }

    private init(weights: any WeightSource, configuration: NetworkConfiguration, place: String, pool: ThreadPool) throws
    {
        self.configuration = configuration
        guard let preconditioning = Self.preconditionings[configuration.preconditioning] else {
            throw Failure(
                .data, place: "\(place): configuration: precond", unknown: configuration.preconditioning,
                choices: Self.preconditionings.keys.sorted())
        }
        let network = try locating(place) {
            try PixelNetworks.open(weights: weights, configuration: configuration, pool: pool)
        }
        let size = configuration.imageResolution
        denoiser = NetworkDenoiser(
            network: network, preconditioning: preconditioning,
            sampleShape: [configuration.imageChannels, size, size], labelCount: configuration.labelDimension)
    }

    private static let preconditionings: [String: Preconditioning] = [
        "EDMPrecond": .edm, "VPPrecond": .vp, "VEPrecond": .ve, "iDDPMPrecond": .iddpm,
    ]

    /// EDM's process over the noise levels that its sampler takes: 0.002 to 80, cut down to those of the network.
    static func process(of configuration: NetworkConfiguration) -> NoiseProcess {
        .edm(minimum: max(0.002, configuration.sigmaMin), maximum: min(80, configuration.sigmaMax))
    }

    /// What the checkpoint's own `config` says of its process, for descriptions; nil where it says nothing.
    package static func processSpelling(of configuration: JSONValue?) throws -> String? {
        try configuration.map { process(of: try NetworkConfiguration($0)).spelling }
    }

    private static func configuration(
        of weights: any WeightSource, _ architecture: JSONValue?
    ) throws -> NetworkConfiguration {
        if let architecture { return try locating("--architecture") { try NetworkConfiguration(architecture) } }
        guard let json = weights.configuration else {
            throw Failure(
                .data, "does not tell its architecture",
                suggestion: "give it with --architecture FILE.json: precond and init_kwargs as EDM names them")
        }
        return try NetworkConfiguration(json: json)
    }
}
