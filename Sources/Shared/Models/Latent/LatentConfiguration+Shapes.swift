import Diagnostics
import Diffusion
import Formats
import Networks

extension LatentConfiguration {
    /// Recognises a released model by the names and shapes of its tensors, which stand under CompVis' names.
    ///
    /// - Parameter document: a configuration of CompVis that tells no sizes; its `params.parameterization` says what the
    ///   network predicts.
    /// - Throws: `data` if the tensors are none of such a model, or if shapes do not show what it computes.
    package init(shapesOf weights: any WeightSource, document: JSONValue?) throws {
        let network = try NetworkConfiguration(latentUNet: weights, prefix: LatentModelFiles.networkPrefix)
        let decoder = try AutoencoderArchitecture(weights: weights, prefix: LatentModelFiles.decoderPrefix)
        self.init(
            network: network, decoder: decoder, scaleFactor: try Self.scaleFactor(of: weights, decoder),
            condition: try Self.condition(of: weights, network),
            process: .vpDiscrete(try Self.table(of: weights, network)),
            prediction: try Self.prediction(of: network, document?["params"]), latentSize: network.imageResolution)
    }

    /// A tensor of the file, or what the released models have: 0.18215, and 1 if latents are quantised.
    static func scaleFactor(of weights: any WeightSource, _ decoder: AutoencoderArchitecture) throws -> Double {
        let name = "scale_factor"
        guard weights.shape(of: name) != nil else { return decoder.codes == nil ? 0.18215 : 1 }
        guard let factor = try weights.floats(name).first, factor.isFinite, factor > 0 else {
            throw Failure(.data, place: name, "is no positive number")
        }
        // 0.18215 is not exact in the file's precision.
        return abs(Double(factor) - 0.18215) < 1e-4 ? 0.18215 : Double(factor)
    }

    private static func condition(
        of weights: any WeightSource, _ network: NetworkConfiguration
    ) throws -> ConditionNetwork {
        guard network.guided.contextWidth != nil else { return .none }
        if let text = TextEncoderArchitecture(weights: weights) { return .text(text) }
        guard weights.shape(of: LatentModelFiles.conditionPrefix + "embedding.weight") != nil else {
            throw Failure(
                .data, place: "cond_stage_model", "the network reads a context, and the file has no text encoder")
        }
        return .classes
    }

    /// Returns the noise levels of the file, or those of the released models.
    private static func table(of weights: any WeightSource, _ network: NetworkConfiguration) throws -> NoiseTable {
        let name = "alphas_cumprod"
        guard weights.shape(of: name) != nil else {
            return (network.guided.contextWidth ?? 0) > 512 ? .stableDiffusion : .latentDiffusion
        }
        guard let table = NoiseTable.released(alphasCumprod: try weights.floats(name).map { Double($0) }) else {
            throw Failure(
                .data, place: name, "are neither Stable Diffusion's noise levels nor latent diffusion's",
                suggestion: "give the model's configuration with <architecture> FILE.json")
        }
        return table
    }

    private static func prediction(of network: NetworkConfiguration, _ params: JSONValue?) throws -> Prediction {
        if let params { return try prediction(params) }
        guard network.guided.contextWidth == 1024 else { return .noise }
        throw Failure(
            .data, "is Stable Diffusion 2, which predicts noise or velocity, and the file does not tell which",
            suggestion: #"give <architecture> FILE.json with {"params": {"parameterization": "v"}}, or "eps""#)
    }
}
