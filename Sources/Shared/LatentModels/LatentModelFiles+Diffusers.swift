import Diagnostics
import Diffusion
import Formats
import Networks

extension LatentModelFiles {
    /// The pipelines whose folders are read, and whether their networks predict the velocity of a flow.
    private static let pipelines = [
        "StableDiffusionPipeline": false, "StableDiffusionImg2ImgPipeline": false, "RectifiedFlowPipeline": true,
    ]

    /// Opens a folder of diffusers. Throws `noInput` if a file is missing, and `data`, naming the file, if one is corrupt or
    /// describes a model that is not computed here.
    init(diffusers folder: DiffusersFolder, parts: [ModelPart: String] = [:]) throws {
        let isFlow = try folder.index { index in
            guard let name = index["_class_name"]?.string else {
                throw Failure(.data, place: "_class_name", "is no text that names a pipeline")
            }
            guard let isFlow = Self.pipelines[name] else {
                let known = Self.pipelines.keys.sorted().joined(separator: ", ")
                let fault = OtherLatentFiles.kind(ofPipeline: name).map { "is of \($0)" } ?? "is none of \(known)"
                throw Failure(.data, place: "_class_name", "`\(name)` \(fault)")
            }
            return isFlow
        }
        let given = ModelPart.allCases.filter { parts[$0] != nil }.map(\.kind)
        let remark = try folder.remarkOnVariant(of: LatentComponent.Kind.allCases.filter { !given.contains($0) })
        let networks = try GivenParts(parts, else: folder)
        let unet = try LatentComponent(folder.folder(of: .unet))
        let network = try folder.folder(of: .unet).settings { try NetworkConfiguration(diffusers: $0) }
        weights = try networks.joined(to: unet.weights)
        places = TensorPlaces(path: folder.path, networks: [.init(unet)] + networks.places)
        let (process, prediction): (NoiseProcess, Prediction) =
            isFlow
            ? (.flow, .velocity)
            : try folder.scheduler { document in
                let settings = try SchedulerSettings(document)
                return (.vpDiscrete(settings.table), settings.prediction)
            }
        guard let text = TextEncoderArchitecture(weights: weights) else {
            throw Failure(.data, place: networks[.textEncoder]?.path, "has not the tensors of a CLIP text encoder")
        }
        // The decoder that the user gives does not change what latents were multiplied by.
        let first = parts[.decoder] == nil ? nil : try folder.ownDecoder()
        configuration = try places.locating {
            try LatentConfiguration(
                network: network, decoder: nil, scaleFactor: first?.scaleFactor ?? AutoencoderSettings.usualScaleFactor,
                condition: .text(text), process: process, prediction: prediction, latentSize: network.imageSize)
        }
        if parts[.textEncoder] == nil || folder.hasTokenizer {
            let own = try folder.tokenizer()
            tokenizer = { own }
        } else {
            tokenizer = Self.shipped(for: configuration)
        }
        stored = try JoinedWeights([unet.listed] + networks.stored)
        digest = try folder.digest()
        weightSet = folder.variant.flatMap { WeightSet(rawValue: $0) }
        remarks = ([remark].compactMap(\.self) + unet.stored.remarks).map { "\(folder.path) \($0)" } + networks.remarks
        self.parts = networks.identities
        try take(networks, scaled: first == nil, groups: first?.groups ?? 32)
    }
}
