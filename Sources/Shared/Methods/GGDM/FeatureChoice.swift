import Diagnostics
import FeatureNetworks
import Fitting
import Metrics
import Models
import Networks
import Options
import Tensors

/// The features that a user names, whose distributions are compared.
package struct FeatureChoice: Sendable {
    package enum Name: String, Sendable, CaseIterable { case mnist32, elements, lpips }

    /// Nil for mnist32 if the samples are such pictures, else elements.
    package var name: Name?
    private var network: (any TapNetwork)?
    private let values: (any OptionValues)?

    package init(_ name: Name) {
        self.name = name
        values = nil
    }

    package init(_ values: any OptionValues) throws {
        self.values = values
        if values.isGiven("features") { name = try values.choice("features", Name.self) }
        if name == .lpips { network = try LossChoice.lpips(values).network }
    }

    /// Returns the features that are taken of samples of this shape.
    func name(ofSamples shape: [Int]) -> Name { name ?? (shape == [1, 32, 32] ? .mnist32 : .elements) }

    /// Returns the features for such samples. Throws `usage` if they do not fit.
    func features<Element>(for samples: Tensor<Element>) throws -> any DifferentiableFeatures<Element> {
        let shape = samples.sampleShape
        let name = name(ofSamples: shape)
        guard name != .elements else { return ElementFeatures() }
        let network = try network ?? FeatureCatalogue.perceptual(.mnist32, threads: values?.threads())
        guard shape.count == 3, let features = TapFeatures(network) as? any DifferentiableFeatures<Element> else {
            throw Failure.option(
                "features \(name.rawValue)", "needs images, not samples of shape \(shape)",
                suggestion: "use elements")
        }
        return features
    }
}
