import Checkpoints
import Diagnostics
import Formats
import Networks

/// One network of a latent diffusion model where it stands: in a file, or in a folder of diffusers.
struct LatentComponent: Sendable {
    /// A network that has weights, by the name of its folder.
    enum Kind: String, CaseIterable, Sendable {
        case unet
        case autoencoder = "vae"
        case textEncoder = "text_encoder"

        /// The names and endings that files of weights may have, without the marks of variants, in the order in which they
        /// are looked for.
        var files: KeyValuePairs<String, String> {
            switch self {
            case .unet, .autoencoder: ["diffusion_pytorch_model": "safetensors", "diffusion_pytorch_model": "bin"]
            case .textEncoder: ["model": "safetensors", "pytorch_model": "bin"]
            }
        }
    }

    let kind: Kind
    /// The file or folder, for messages.
    let path: String
    let names: TensorNames
    /// The tensors under the names of the file.
    let stored: any WeightSource
    /// Nil if no settings stand beside the weights.
    private let folder: ComponentFolder?

    /// The tensors under CompVis' names.
    var weights: any WeightSource { stored.renamed(names.compVis) }

    /// The tensors under the names of the file, each behind the network's name.
    var listed: any WeightSource { stored.renamed { "\(kind.rawValue)/\($0)" } }

    init(_ folder: ComponentFolder) throws {
        stored = try folder.weights()
        (kind, path, self.folder) = (folder.component, folder.path, folder)
        names =
            switch folder.component {
            case .unet: .unet(named: .unet(try folder.settings { try NetworkConfiguration(diffusers: $0) }))
            case .autoencoder:
                .decoder(named: .autoencoder(try folder.settings { try AutoencoderSettings($0) }))
            case .textEncoder: .textEncoder(in: stored) ?? .unknownTextEncoder
            }
        try requireNames()
    }

    /// Opens a network that a user names: a file, its folder of diffusers, or a folder or file with the whole model.
    ///
    /// Throws `noInput` if it cannot be opened, `data`, naming the path, if it holds no such network.
    init(_ kind: Kind, at path: String) throws {
        if let folder = ComponentFolder(kind, in: path) {
            self = try LatentComponent(folder)
        } else {
            try LatentModelFiles.requireFile(path)
            self = try LatentComponent(kind, file: try CheckpointFile.open(path), path: path)
        }
    }

    private init(_ kind: Kind, file: any WeightSource, path: String) throws {
        try locating(path) { try OtherLatentFiles.refuse(file) }
        let found: TensorNames? =
            switch kind {
            case .unet: try locating(path) { try TensorNames.unet(in: file) }
            case .autoencoder: TensorNames.decoder(in: file)
            case .textEncoder: TensorNames.textEncoder(in: file)
            }
        guard let found else {
            let network = [Kind.unet: "U-Net", .autoencoder: "decoder of latents", .textEncoder: "CLIP text encoder"]
            throw Failure(.data, place: path, "holds no \(network[kind] ?? "network")")
        }
        (self.kind, self.path, names, stored, folder) = (kind, path, found, file, nil)
        try requireNames()
    }

    /// Calls `body` with the settings beside the weights. Returns nil if there are none.
    func settings<Result>(_ body: (JSONValue) throws -> Result) throws -> Result? { try folder?.settings(body) }

    /// Throws `data` if a tensor has no name in the other naming.
    private func requireNames() throws {
        guard let stray = stored.tensorNames.first(where: names.isStray) else { return }
        throw Failure(
            .data, place: "\(path): \(stray)", "the component has this tensor, which such a network does not have")
    }
}
