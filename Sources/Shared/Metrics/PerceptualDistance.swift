import Diagnostics
import FeatureNetworks
import Tensors

/// LPIPS (Zhang et al. 2018; docs/methods/metrics.md, "LPIPS") from a fixed set of target images:
///
///     sum over taps l of the mean over pixels of sum_c w_lc (f_c / (|f| + e) - g_c / (|g| + e))^2,  e = 1e-10
///
/// Here f and g are the activations of an image and of its target, normalized over channels at every pixel. The
/// activations of the targets are computed once.
package struct PerceptualDistance: Sendable {
    private let network: any TapNetwork
    /// The weights w_lc by tap and channel.
    private let weights: [[Float]]
    /// The normalized taps of the targets, each [P, C, h, w].
    private let targets: [Tensor<Float>]

    /// - Parameters:
    ///   - targets: [P, C, H, W] in [-1, 1].
    ///   - weights: the weights by tap and channel; if nil, every channel of a tap weighs 1/C.
    package init(_ network: any TapNetwork, targets: Tensor<Float>, weights: [[Float]]? = nil) throws {
        self.network = network
        self.weights =
            weights ?? network.tapChannels.map { [Float](repeating: 1 / Float($0), count: $0) }
        guard self.weights.map(\.count) == network.tapChannels else {
            throw Failure(
                .data,
                "weights for taps of \(self.weights.map(\.count)) channels, the network's have \(network.tapChannels)")
        }
        self.targets = try network.taps(targets).map { UnitTap($0).values }
    }

    /// Returns the distance [B] of each image [B, C, H, W] from the target whose number is at its place in `pairs`.
    package func values(_ images: Tensor<Float>, pairs: [Int]) throws -> [Double] {
        try perTap(network.taps(images), pairs: pairs).map { $0.reduce(0, +) }
    }

    /// Returns the part of each tap in each distance, [B][taps].
    package func valuesByTap(_ images: Tensor<Float>, pairs: [Int]) throws -> [[Double]] {
        try perTap(network.taps(images), pairs: pairs)
    }

    /// Returns the distances [B], and the gradient of each with respect to its own image, [B, C, H, W].
    package func gradients(
        _ images: Tensor<Float>, pairs: [Int]
    ) throws -> (values: [Double], images: Tensor<Float>) {
        precondition(pairs.count == images.batch)
        let (taps, pullback) = try network.linearizedTaps(images)
        var values = [Double](repeating: 0, count: images.batch)
        let cotangents = taps.indices.map { tap in
            let unit = UnitTap(taps[tap])
            let (parts, cotangent) = unit.gradients(to: targets[tap].gather(pairs), weights: weights[tap])
            for (sample, part) in parts.enumerated() { values[sample] += part }
            return cotangent
        }
        return (values, try pullback(cotangents))
    }

    private func perTap(_ taps: [Tensor<Float>], pairs: [Int]) -> [[Double]] {
        let parts = taps.indices.map { tap in
            UnitTap(taps[tap]).values(to: targets[tap].gather(pairs), weights: weights[tap])
        }
        return pairs.indices.map { sample in parts.map { $0[sample] } }
    }
}

/// The activations [B, C, h, w] of a tap, divided by their length over channels at every pixel.
private struct UnitTap {
    private static let epsilon: Float = 1e-10

    let values: Tensor<Float>
    /// The length |f| at every pixel, [B, h w].
    private let lengths: [Float]
    private let channels: Int
    private let pixels: Int

    init(_ tap: Tensor<Float>) {
        let (channels, pixels) = (tap.shape[1], tap.shape.dropFirst(2).reduce(1, *))
        var lengths = [Float](repeating: 0, count: tap.batch * pixels)
        var values = tap.elements
        for sample in 0..<tap.batch {
            let own = sample * pixels
            for channel in 0..<channels {
                let start = (sample * channels + channel) * pixels
                for pixel in 0..<pixels { lengths[own + pixel] += values[start + pixel] * values[start + pixel] }
            }
            for pixel in 0..<pixels { lengths[own + pixel].formSquareRoot() }
            for channel in 0..<channels {
                let start = (sample * channels + channel) * pixels
                for pixel in 0..<pixels { values[start + pixel] /= lengths[own + pixel] + Self.epsilon }
            }
        }
        self.values = Tensor(shape: tap.shape, elements: values)
        self.lengths = lengths
        self.channels = channels
        self.pixels = pixels
    }

    /// Returns the mean over pixels of the weighted squared differences, [B].
    func values(to targets: Tensor<Float>, weights: [Float]) -> [Double] {
        let (own, other) = (values.elements, targets.elements)
        return (0..<values.batch).map { sample in
            var sum = 0.0
            for channel in 0..<channels {
                var part: Float = 0
                let start = (sample * channels + channel) * pixels
                for index in start..<start + pixels {
                    let difference = own[index] - other[index]
                    part += difference * difference
                }
                sum += Double(weights[channel] * part)
            }
            return sum / Double(pixels)
        }
    }

    /// Returns the same values, and the cotangent of the activations before normalization. With n = |f|, k = n + e and
    /// the cotangent g of f / k, it is g / k - f <f, g> / (n k^2); it is 0 if n is 0.
    func gradients(to targets: Tensor<Float>, weights: [Float]) -> ([Double], Tensor<Float>) {
        let parts = values(to: targets, weights: weights)
        let (own, other) = (values.elements, targets.elements)
        var cotangent = [Float](repeating: 0, count: own.count)
        for sample in 0..<values.batch { fill(&cotangent, own, other, weights, sample: sample) }
        return (parts, Tensor(shape: values.shape, elements: cotangent))
    }

    private func fill(
        _ target: inout [Float], _ own: [Float], _ other: [Float], _ weights: [Float], sample: Int
    ) {
        let start = sample * channels * pixels
        var products = [Float](repeating: 0, count: pixels)
        for channel in 0..<channels {
            let slope = 2 * weights[channel] / Float(pixels)
            for pixel in 0..<pixels {
                let index = start + channel * pixels + pixel
                target[index] = slope * (own[index] - other[index])
                products[pixel] += own[index] * target[index]
            }
        }
        for channel in 0..<channels {
            for pixel in 0..<pixels {
                let index = start + channel * pixels + pixel
                let length = lengths[sample * pixels + pixel]
                // Since own is f / k, f <f, g> / (n k^2) is own <own, g> / n.
                target[index] =
                    length > 0
                    ? target[index] / (length + Self.epsilon) - own[index] * products[pixel] / length : 0
            }
        }
    }
}
