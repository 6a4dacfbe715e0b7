import Diagnostics
import Diffusion
import Formats
import Networks

extension LatentModelFiles {
    /// The pipelines whose folders are read, and whether their networks predict the velocity of a flow.
    private static let pipelines = ["StableDiffusionPipeline": false, "RectifiedFlowPipeline": true]

    /// Opens a folder of diffusers. Throws `noInput` if a file is missing, and `data`, naming the file, if one is corrupt or
    /// describes a model that is not computed here.
    init(diffusers folder: DiffusersFolder) throws {
        let isFlow = try folder.index { index in
            let name = index["_class_name"]?.string ?? "nothing"
            guard let isFlow = Self.pipelines[name] else {
                let known = Self.pipelines.keys.sorted().joined(separator: ", ")
                let fault = OtherLatentFiles.kind(ofPipeline: name).map { "is of \($0)" } ?? "is none of \(known)"
                throw Failure(.data, place: "_class_name", "`\(name)` \(fault)")
            }
            return isFlow
        }
        let network = try folder.settings(of: .unet) { try NetworkConfiguration(diffusers: $0) }
        let first = try folder.settings(of: .autoencoder) { try AutoencoderSettings($0) }
        let weights = try Self.weights(in: folder, network, first)
        let decoder = try locating(folder.path) {
            try AutoencoderArchitecture(weights: weights, prefix: Self.decoderPrefix, groups: first.groups)
        }
        let text = try folder.settings(of: .textEncoder) { settings in
            guard var text = TextEncoderArchitecture(weights: weights) else {
                throw Failure(.data, "describes a text encoder whose tensors are not there")
            }
            try text.apply(transformers: settings)
            return text
        }
        let (process, prediction): (NoiseProcess, Prediction) =
            isFlow
            ? (.flow, .velocity)
            : try folder.scheduler { document in
                let settings = try SchedulerSettings(document)
                return (.vpDiscrete(settings.table), settings.prediction)
            }
        let tokenizer = try folder.tokenizer()
        let configuration = try locating(folder.path) {
            try LatentConfiguration(
                network: network, decoder: decoder, scaleFactor: first.scaleFactor, condition: .text(text),
                process: process, prediction: prediction, latentSize: network.imageResolution)
        }
        self.init(
            path: folder.path, configuration: configuration, weights: weights, tokenizer: { tokenizer },
            digest: try folder.digest(), weightSet: nil, remarks: weights.remarks.map { "\(folder.path) \($0)" })
    }

    /// Returns the weights of all components under CompVis' names.
    private static func weights(
        in folder: DiffusersFolder, _ network: NetworkConfiguration, _ first: AutoencoderSettings
    ) throws -> any WeightSource {
        let unet = ModuleNames.unet(network)
        let autoencoder = ModuleNames.autoencoder(levels: first.levels, blocks: first.blocks)
        return try JoinedWeights([
            weights(in: folder, .unet) { unet.compVis($0).map { networkPrefix + $0 } },
            weights(in: folder, .autoencoder) { autoencoder.compVis($0).map { decoderPrefix + $0 } },
            // transformers writes text_model. before all names, or leaves it out.
            weights(in: folder, .textEncoder) { name in
                conditionPrefix + "transformer." + (name.hasPrefix("text_model.") ? "" : "text_model.") + name
            },
        ])
    }

    /// Returns the weights of a component. Throws `data` if one has no other name.
    private static func weights(
        in folder: DiffusersFolder, _ component: DiffusersFolder.Component, _ rename: (String) -> String?
    ) throws -> any WeightSource {
        let weights = try folder.weights(of: component)
        if let stray = weights.tensorNames.first(where: { rename($0) == nil }) {
            throw Failure(
                .data, place: "\(folder.path)/\(component.rawValue): \(stray)",
                "the component has this tensor, which such a network does not have")
        }
        return weights.renamed(rename)
    }
}
