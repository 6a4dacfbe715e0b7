import Tensors

/// A network that turns pictures into the features of Fréchet and kernel distances.
package protocol FeatureNetwork: Sendable {
    /// The name by which results are labelled: "mnist32-features", "inception-2015-12-05/edm".
    var name: String { get }
    /// The number of features of a picture.
    var featureCount: Int { get }
    /// The number of channels of the pictures that it takes.
    var channels: Int { get }

    /// Returns features [B, featureCount] of levels 0...255, [B, channels, H, W]. The features of a picture do not
    /// depend on the others of the batch. Throws `.data` if the network does not take pictures of this size.
    func features(_ levels: Tensor<Float>) throws -> Tensor<Float>
}

/// A network whose inner activations ("taps") are compared by a perceptual distance.
package protocol TapNetwork: Sendable {
    /// The number of channels of each tap.
    var tapChannels: [Int] { get }

    /// Returns the taps [B, channels, h, w] of images [B, C, H, W] with values around [-1, 1]. Throws `.data` if the
    /// network does not take images of this shape.
    func taps(_ images: Tensor<Float>) throws -> [Tensor<Float>]

    /// Returns the taps, and a closure that pulls cotangents of the taps back to the images. The closure holds the
    /// memory of all activations.
    func linearizedTaps(
        _ images: Tensor<Float>
    ) throws -> (values: [Tensor<Float>], pullback: ([Tensor<Float>]) throws -> Tensor<Float>)
}
