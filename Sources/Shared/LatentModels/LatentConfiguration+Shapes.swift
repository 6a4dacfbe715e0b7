import Diagnostics
import Diffusion
import Formats
import Networks

extension LatentConfiguration {
    /// Recognizes a released model by the names and shapes of its tensors, which stand under CompVis' names.
    ///
    /// - Parameters:
    ///   - document: a configuration of CompVis that tells no sizes; its `params.parameterization` says what the network
    ///     predicts.
    ///   - network: the U-Net, if it need not be recognized.
    /// - Throws: `data` if the tensors are none of such a model, or if shapes do not show what it computes.
    package init(
        shapesOf weights: any WeightSource, document: JSONValue?, network: NetworkConfiguration? = nil
    ) throws {
        let network =
            try network ?? NetworkConfiguration(latentUNet: weights, prefix: LatentModelFiles.networkPrefix)
        let prefix = LatentModelFiles.decoderPrefix
        let decoder = try weights.has(prefix) ? AutoencoderArchitecture(weights: weights, prefix: prefix) : nil
        try self.init(
            network: network, decoder: decoder,
            scaleFactor: Self.storedScaleFactor(weights) ?? Self.usualScaleFactor(decoder),
            condition: Self.condition(of: weights, network),
            process: .vpDiscrete(Self.table(of: weights, network)),
            prediction: Self.prediction(of: network, document?["params"]), latentSize: network.imageSize)
    }

    /// Returns the scale factor that the file holds; nil if it holds none.
    static func storedScaleFactor(_ weights: any WeightSource) throws -> Double? {
        let name = "scale_factor"
        guard weights.shape(of: name) != nil else { return nil }
        guard let factor = try weights.floats(name).first, factor.isFinite, factor > 0 else {
            throw Failure(.data, place: name, "is no positive number")
        }
        // 0.18215 is not exact in the file's precision.
        return abs(Double(factor) - 0.18215) < 1e-4 ? 0.18215 : Double(factor)
    }

    /// The scale factor of the released models with such an autoencoder.
    static func usualScaleFactor(_ decoder: AutoencoderArchitecture?) -> Double {
        decoder?.codes == nil ? AutoencoderSettings.usualScaleFactor : 1
    }

    private static func condition(
        of weights: any WeightSource, _ network: NetworkConfiguration
    ) throws -> ConditionNetwork {
        guard network.guided.contextWidth != nil else { return .none }
        if let text = TextEncoderArchitecture(weights: weights) { return .text(text) }
        return try classes(of: weights)
    }

    /// Returns the table of classes of a file. Throws `data` if there is none.
    static func classes(of weights: any WeightSource) throws -> ConditionNetwork {
        guard let table = try weights.layerShape(of: LatentModelFiles.conditionPrefix + "embedding.weight") else {
            throw Failure(
                .data, place: "cond_stage_model",
                "the network reads a context, and the file has neither a text encoder nor a table of classes",
                suggestion: textEncoderSuggestion)
        }
        return .classes(width: table[1])
    }

    static let textEncoderSuggestion = "give the text encoder's file with <text encoder file>"

    /// Returns the noise levels of the file, or those of the released models.
    private static func table(of weights: any WeightSource, _ network: NetworkConfiguration) throws -> NoiseTable {
        let readsText = (network.guided.contextWidth ?? 0) > 512 || TextEncoderArchitecture(weights: weights) != nil
        return try StoredNoiseLevels(weights)?.released()
            ?? (readsText ? .stableDiffusion : .latentDiffusion)
    }

    private static func prediction(of network: NetworkConfiguration, _ params: JSONValue?) throws -> Prediction {
        if let params { return try prediction(params) }
        guard network.guided.contextWidth == 1024 else { return .noise }
        throw Failure(
            .data, "is Stable Diffusion 2, which predicts noise or velocity, and the file does not tell which",
            suggestion: #"give <architecture> FILE.json with {"params": {"parameterization": "v"}}, or "eps""#)
    }
}
