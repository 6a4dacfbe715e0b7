import Diagnostics
import Formats

/// The arguments with which a point cloud model of Luo and Hu 2021 was trained, as far as they decide what it computes.
///
/// Sizes are not among them: they follow from the shapes of the tensors.
package struct PointCloudConfiguration: Sendable, Equatable {
    /// How the numbers z of a shape are drawn.
    package enum Prior: String, Sendable, CaseIterable {
        case flow
        /// z itself is normal.
        case gaussian
    }

    /// The name of the architecture, in `config` of a safetensors file.
    package static let architecture = "DiffusionPointCloud"
    /// The beginning of the denoiser's tensor names.
    static let denoiserPrefix = "diffusion.net."
    /// The beginning of the flow's tensor names.
    static let flowPrefix = "flow."

    /// nil for an autoencoder, which draws no shapes.
    package var prior: Prior?
    package var isResidual = true
    /// K, the number of noise levels.
    package var levelCount: Int
    /// The first noise level, beta_1.
    package var firstLevel: Double
    /// The last noise level, beta_K.
    package var lastLevel: Double
    /// The points of a training cloud; the network takes any number.
    package var pointCount = 2048
    /// F, and the couplings of the flow, by the arguments; nil if these do not tell.
    package var shapeCount: Int?
    package var couplingCount: Int?

    /// Whether these are the weights of a point cloud model.
    package static func describes(_ weights: any WeightSource) -> Bool { weights.shape(of: landmark) != nil }

    /// A tensor that every such model has.
    package static let landmark = "\(denoiserPrefix)layers.0._hyper_gate.weight"

    /// Reads the arguments that the file carries; the tensors tell what the arguments do not.
    ///
    /// Throws `data` if an argument asks for something that is not computed here, which is named.
    package init(_ weights: any WeightSource) throws {
        let arguments = try weights.document ?? .null
        if try Self.flag("spectral_norm", arguments) == true {
            throw Failure(.data, place: "configuration: spectral_norm", "is true, and such weights are not read")
        }
        if let mode = try Self.value("sched_mode", arguments, "a word", \.string), mode != "linear" {
            throw Failure(.data, place: "configuration: sched_mode", unknown: mode, choices: ["linear"])
        }
        (levelCount, firstLevel, lastLevel) = try Self.levels(arguments, weights)
        isResidual = try Self.flag("residual", arguments) ?? true
        if let number = try Self.value("sample_num_points", arguments, "a whole number", \.integer) {
            guard (1...1 << 20).contains(number) else {
                throw Failure(.data, place: "configuration: sample_num_points", "is not a reasonable count")
            }
            pointCount = number
        }
        prior = try Self.prior(arguments, weights)
        shapeCount = try Self.value("latent_dim", arguments, "a whole number", \.integer)
        couplingCount = try Self.value("latent_flow_depth", arguments, "a whole number", \.integer)
    }

    /// Returns an argument, or nil if it is absent or None. Throws `data` if it is no `kind`.
    private static func value<Value>(
        _ key: String, _ arguments: JSONValue, _ kind: String, _ read: (JSONValue) -> Value?
    ) throws -> Value? {
        guard let given = arguments[key], given != .null else { return nil }
        guard let value = read(given) else {
            throw Failure(.data, place: "configuration: \(key)", "is `\(given.text)`, not \(kind)")
        }
        return value
    }

    /// Returns an argument that is true or false, which Python also writes as 1 or 0.
    private static func flag(_ key: String, _ arguments: JSONValue) throws -> Bool? {
        try value(key, arguments, "true or false") { $0.boolean ?? $0.integer.flatMap { [0: false, 1: true][$0] } }
    }

    private static func prior(_ arguments: JSONValue, _ weights: any WeightSource) throws -> Prior? {
        let hasFlow = weights.shape(of: "\(flowPrefix)chain.0.net_s_t.0.weight") != nil
        guard let name = try value("model", arguments, "a word", \.string) else { return hasFlow ? .flow : nil }
        guard let prior = Prior(rawValue: name) else {
            throw Failure(
                .data, place: "configuration: model", unknown: name, choices: Prior.allCases.map(\.rawValue))
        }
        return prior
    }

    /// The three numbers of the linear noise levels: the arguments', or those of the buffer that training keeps.
    private static func levels(
        _ arguments: JSONValue, _ weights: any WeightSource
    ) throws -> (count: Int, first: Double, last: Double) {
        let buffer = "diffusion.var_sched.betas"
        let stored = weights.shape(of: buffer) == nil ? nil : try weights.floats(buffer)
        func number(_ key: String, _ place: Int?) throws -> Double {
            if let number = try value(key, arguments, "a number", \.double) { return number }
            guard let stored, let place, stored.indices.contains(place) else {
                throw Failure(.data, place: "configuration", "has no \(key), and there is no tensor `\(buffer)`")
            }
            // The shortest decimal: the buffer holds 0.0001 rounded to Float.
            return Double("\(stored[place])") ?? Double(stored[place])
        }
        let first = try number("beta_1", 1)
        let last = try number("beta_T", stored.map { $0.count - 1 })
        let given = try value("num_steps", arguments, "a whole number", \.integer)
        guard let count = given ?? stored.map({ $0.count - 1 }), (2...1 << 16).contains(count), first > 0,
            last >= first, last < 1
        else {
            throw Failure(
                .data, place: "configuration",
                "num_steps, beta_1 and beta_T are no noise levels that rise within (0, 1)")
        }
        return (count, first, last)
    }
}
