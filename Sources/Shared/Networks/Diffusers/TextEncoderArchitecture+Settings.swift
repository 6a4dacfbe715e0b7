import Diagnostics
import Formats

extension TextEncoderArchitecture {
    /// Takes the settings that shapes do not show from the `config.json` of a CLIPTextModel.
    ///
    /// Throws `data`, naming the setting, if it is none that is computed here or does not fit the tensors.
    package mutating func apply(transformers document: JSONValue) throws {
        let settings = try ComponentSettings(document)
        for name in try settings.words("architectures", default: []) where name != "CLIPTextModel" {
            throw Failure(.data, place: "architectures", unknown: name, choices: ["CLIPTextModel"])
        }
        try settings.require(["layer_norm_eps": 1e-5])
        let forms = try settings.word("hidden_act", default: "quick_gelu")
        switch forms {
        case "quick_gelu": activation = .logistic
        case "gelu": activation = .exact
        default: throw Failure(.data, place: "hidden_act", unknown: forms, choices: ["quick_gelu", "gelu"])
        }
        heads = try settings.count("num_attention_heads", default: 8)
        let used = try settings.count("num_hidden_layers", default: 12)
        guard used <= layers else {
            throw Failure(.data, place: "num_hidden_layers", "is \(used), but the file has \(counted(layers, "layer"))")
        }
        skippedLayers = layers - used
    }
}
