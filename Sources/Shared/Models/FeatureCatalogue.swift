import Checkpoints
import Diagnostics
import FeatureNetworks
import Formats
import Networks
import Tensors

/// Opens feature networks, their reference statistics and perceptual networks: the embedded ones, or users' files.
package enum FeatureCatalogue {
    /// - Parameters:
    ///   - name: that of an embedded model, or the file of Inception's weights under pytorch-fid's names.
    ///   - input: how pictures become Inception's input.
    ///   - threads: the number of threads; nil for one on each core.
    package static func features(
        _ name: String, input: InceptionInput = .edm, threads: Int? = nil
    ) throws -> any FeatureNetwork {
        let pool = ThreadPool(threads: threads)
        if let model = EmbeddedModel(rawValue: name) { return try embeddedFeatures(model, pool) }
        let landmark = "Mixed_7c.branch_pool.conv.weight"
        let weights = try namingFile(name, at: "features", orOneOf: EmbeddedModel.allCases.map(\.rawValue)) {
            let file = try CheckpointFile.open(name)
            return try locating(name) { try file.named(landmark: landmark) }
        }
        guard weights.shape(of: landmark) != nil else {
            throw Failure(
                .data, place: name, "holds no Inception-v3 under pytorch-fid's names",
                suggestion: "pt_inception-2015-12-05-6726825d.pth is the file that pytorch-fid uses")
        }
        return try InceptionFeatures(weights: weights, input: input, pool: pool)
    }

    /// Returns the file of the statistics of an embedded model's training pictures.
    package static func reference(of model: EmbeddedModel) throws -> String {
        try ResourceLocator.standard.path(of: model.referenceFile)
    }

    /// Returns the perceptual network of an embedded model, in which all channels of a layer have the same weight.
    package static func perceptual(_ model: EmbeddedModel, threads: Int? = nil) throws -> any TapNetwork {
        try embeddedFeatures(model, ThreadPool(threads: threads))
    }

    /// Returns LPIPS from two files: torchvision's backbone, and the channel weights of the lpips package. The latter tell which
    /// backbone it is.
    package static func perceptual(
        weights: String, linear: String, threads: Int? = nil
    ) throws -> (network: any TapNetwork, weights: [[Float]]) {
        let channels = try locating(linear) {
            try PerceptualWeights(CheckpointFile.open(linear).named(landmark: "lin0.model.1.weight"))
        }
        let backbone = try locating(weights) {
            try CheckpointFile.open(weights).named(landmark: "features.0.weight")
        }
        let trunk = PerceptualTrunk(channels.architecture, weights: backbone, pool: ThreadPool(threads: threads))
        return (trunk, channels.values)
    }

    private static func embeddedFeatures(_ model: EmbeddedModel, _ pool: ThreadPool) throws -> DigitFeatures {
        let path = try ResourceLocator.standard.path(of: model.featuresFile)
        return try DigitFeatures(
            weights: SafetensorsFile(path: path), name: "\(model.rawValue)-features", imageShape: model.imageShape,
            pool: pool)
    }
}
