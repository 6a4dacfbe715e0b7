/// A model that ships with the programs, with the features and the statistics that belong to it.
package enum EmbeddedModel: String, Sendable, CaseIterable {
    /// Digits of 32x32 pixels by class, in pixel space.
    case mnist32
    /// Coloured digits of 64x64 pixels from prompts, in the space of latents.
    case digits64

    /// The name of the model's file.
    var modelFile: String {
        switch self {
        case .mnist32: "mnist32-edm.safetensors"
        case .digits64: "digits64-sd.safetensors"
        }
    }

    var featuresFile: String { "\(rawValue)-features.safetensors" }
    var referenceFile: String { "\(rawValue)-reference.safetensors" }

    /// The name of the set of pictures whose statistics ship with the programs.
    package var referenceName: String {
        switch self {
        case .mnist32: "mnist"
        case .digits64: "digits64"
        }
    }

    /// [channels, height, width]
    package var imageShape: [Int] {
        switch self {
        case .mnist32: [1, 32, 32]
        case .digits64: [3, 64, 64]
        }
    }
}
