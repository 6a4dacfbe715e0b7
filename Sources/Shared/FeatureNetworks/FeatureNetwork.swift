import Tensors

/// A network whose activations stand for pictures in Fréchet and kernel distances.
package protocol FeatureNetwork: Sendable {
    /// As results are labelled: "mnist32-features", "inception-2015-12-05 (edm)".
    var name: String { get }
    /// Numbers in a feature vector.
    var featureCount: Int { get }
    /// Channels of the pictures it takes.
    var channels: Int { get }

    /// [B, channels, H, W] of levels 0...255 to features [B, featureCount]. A picture's features do not depend on the
    /// others of the batch. Status 65 where the size is none that the network takes.
    func features(_ levels: Tensor<Float>) throws -> Tensor<Float>
}

/// A network whose inner activations ("taps") a perceptual distance compares.
package protocol TapNetwork: Sendable {
    /// Channels of every tap.
    var tapChannels: [Int] { get }

    /// Images [B, C, H, W] with values around [-1, 1] to taps [B, channels, h, w]. Status 65 where the shape is none
    /// that the network takes.
    func taps(_ images: Tensor<Float>) throws -> [Tensor<Float>]

    /// The same with the means to pull cotangents of the taps back to the images. The pullback holds the activations.
    func linearizedTaps(
        _ images: Tensor<Float>
    ) throws -> (values: [Tensor<Float>], pullback: ([Tensor<Float>]) throws -> Tensor<Float>)
}
