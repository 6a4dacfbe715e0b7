import Checkpoints
import Diagnostics
import Diffusion
import Formats

extension LatentModelFiles {
    /// The parts of the model in a few words each.
    package var descriptions: [ModelDescription.Part] {
        let (network, decoder) = (configuration.network, configuration.decoder)
        let widths = network.channelMultipliers.map { $0 * network.modelChannels }
        let heads =
            network.guided.headChannels.map { "heads of \($0) channels" } ?? counted(network.guided.heads, "head")
        let context = network.guided.contextWidth.map { ", context \($0)" } ?? ""
        var parts = [
            ModelDescription.Part(
                "U-Net",
                "\(parameters(Self.networkPrefix)) parameters, latents \(configuration.latentShape), levels \(widths), "
                    + "\(heads)\(context), predicts \(configuration.prediction.rawValue)"),
            ModelDescription.Part(
                "decoder",
                decoder.map { decoder in
                    "\(parameters(Self.decoderPrefix)) parameters\(weights.has(Self.decoderPrefix + "encoder.") ? " with the encoder" : ""), "
                        + "\(decoder.codes.map { "\($0) codes" } ?? "KL"), pictures \(decoder.factor) times as wide, "
                        + "scale factor \(configuration.scaleFactor)\(source(.decoder))"
                } ?? "none"),
        ]
        switch configuration.condition {
        case .none: break
        case .classes:
            let rows = weights.shape(of: Self.conditionPrefix + "embedding.weight")?.first ?? 1
            parts.append(.init("classes", "\(rows - 1), and one row for none"))
        case .text(let text):
            parts.append(
                .init(
                    "text",
                    "\(parameters(Self.conditionPrefix)) parameters, CLIP of width \(text.width), "
                        + "\(text.layers - text.skippedLayers) layers, \(counted(text.heads, "head")), \(text.positions) tokens"
                        + source(.textEncoder)
                ))
        }
        return parts
    }

    /// The file of a part that the user gives, as the end of a sentence.
    private func source(_ part: ModelPart) -> String { self.parts[part].map { ", from \($0.name)" } ?? "" }

    /// The number of elements of all tensors behind a prefix.
    private func parameters(_ prefix: String) -> Int {
        weights.tensorNames.lazy.filter { $0.hasPrefix(prefix) && !$0.hasSuffix("position_ids") }
            .reduce(0) { $0 + (weights.shape(of: $1) ?? []).reduce(1, *) }
    }
}
