import Diagnostics
import Engine
import Formats
import Networks
import Synchronization
import Tensors

/// The backbones of LPIPS (Zhang et al. 2018) with torchvision's weights under torchvision's names. The taps are the
/// activations that LPIPS compares. Pictures may have any size; the graph for a size is made when the first picture of
/// that size comes.
package final class PerceptualTrunk: TapNetwork {
    package enum Architecture: String, Sendable, CaseIterable {
        case vgg
        case alex
        case squeeze

        package var tapChannels: [Int] {
            switch self {
            case .vgg: [64, 128, 256, 512, 512]
            case .alex: [64, 192, 384, 256, 256]
            case .squeeze: [64, 128, 256, 384, 384, 512, 512]
            }
        }

        /// The smallest side of a picture at which every map has a pixel.
        var smallestSide: Int { self == .alex ? 31 : self == .vgg ? 16 : 17 }
    }

    package let architecture: Architecture
    private let weights: any WeightSource
    private let pool: ThreadPool
    private let compiled = Mutex<[Size: Compiled]>([:])

    private struct Size: Hashable {
        let height: Int
        let width: Int
    }

    /// The graph for one size. A tap may consist of several values side by side.
    private struct Compiled: Sendable {
        let network: CompiledNetwork
        let taps: [[Value]]
    }

    /// - Parameter weights: `features.0.weight` and so on.
    package init(_ architecture: Architecture, weights: any WeightSource, pool: ThreadPool) {
        self.architecture = architecture
        self.weights = weights
        self.pool = pool
    }

    package var tapChannels: [Int] { architecture.tapChannels }

    package func taps(_ images: Tensor<Float>) throws -> [Tensor<Float>] {
        let compiled = try network(for: images)
        return join(try compiled.network.evaluate([normalized(images)]), compiled.taps)
    }

    package func linearizedTaps(
        _ images: Tensor<Float>
    ) throws -> (values: [Tensor<Float>], pullback: ([Tensor<Float>]) throws -> Tensor<Float>) {
        let compiled = try network(for: images)
        let (outputs, pullback) = try compiled.network.linearize([normalized(images)])
        return (
            join(outputs, compiled.taps),
            { cotangents in
                let parts = zip(cotangents, compiled.taps).flatMap { cotangent, values in
                    cotangent.splittingChannels(values.map(\.shape.channels))
                }
                return Self.scaled(try pullback(parts)[0])
            }
        )
    }

    /// Returns the outputs as taps [B, C, h, w].
    private func join(_ outputs: [Tensor<Float>], _ taps: [[Value]]) -> [Tensor<Float>] {
        var rest = outputs[...]
        return taps.map { values in
            let parts = zip(values, rest.prefix(values.count)).map { value, tensor in
                tensor.reshaped([tensor.batch, value.shape.channels, value.shape.height, value.shape.width])
            }
            rest = rest.dropFirst(values.count)
            return .joiningChannels(parts)
        }
    }

    private func network(for images: Tensor<Float>) throws -> Compiled {
        let side = architecture.smallestSide
        guard images.shape.count == 4, images.shape[1] == 3, images.shape[2] >= side, images.shape[3] >= side else {
            throw Failure(
                .data,
                "LPIPS (\(architecture.rawValue)) takes pictures of shape [3, H, W] with sides from \(side) on,"
                    + " not \(images.sampleShape)")
        }
        let size = Size(height: images.shape[2], width: images.shape[3])
        return try compiled.withLock { known in
            if let compiled = known[size] { return compiled }
            let fresh = try compile(size)
            known[size] = fresh
            return fresh
        }
    }

    private func compile(_ size: Size) throws -> Compiled {
        // A gradient jumps where an activation or a maximum changes sides, so the smaller rounding errors of plain sums
        // matter.
        var builder = NetworkBuilder(weights: weights, kernel: .indirect)
        let image = builder.input(MapShape(height: size.height, width: size.width, channels: 3))
        let taps =
            switch architecture {
            case .vgg: try builder.vgg16(image)
            case .alex: try builder.alexNet(image)
            case .squeeze: try builder.squeezeNet(image)
            }
        let network = CompiledNetwork(
            builder.graph, inputs: [image], outputs: taps.flatMap { $0 }, differentiable: [image], pool: pool)
        return Compiled(network: network, taps: taps)
    }

    // MARK: - Normalization

    private static let shift: [Float] = [-0.030, -0.088, -0.188]
    private static let scale: [Float] = [0.458, 0.448, 0.450]

    /// Returns (x - shift) / scale, channel by channel.
    private func normalized(_ images: Tensor<Float>) -> Tensor<Float> {
        images.mapChannels { ($0 - Self.shift[$1]) / Self.scale[$1] }
    }

    private static func scaled(_ cotangent: Tensor<Float>) -> Tensor<Float> {
        cotangent.mapChannels { $0 / scale[$1] }
    }
}

// MARK: - Architectures

extension NetworkBuilder {
    /// Returns the taps relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3.
    fileprivate mutating func vgg16(_ image: Value) throws -> [[Value]] {
        var (current, index, taps) = (image, 0, [[Value]]())
        for (channels, count) in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)] {
            if !taps.isEmpty { current = pooling(.maximum, PoolingWindow(size: 2, stride: 2), of: current) }
            for _ in 0..<count {
                current = try rectified("features.\(index)", [current], channels: channels, Window(3))
                index += 2
            }
            index += 1
            taps.append([current])
        }
        return taps
    }

    fileprivate mutating func alexNet(_ image: Value) throws -> [[Value]] {
        let square = PoolingWindow(size: 3, stride: 2)
        let first = try rectified("features.0", [image], channels: 64, Window(11, stride: 4, padding: 2))
        let second = try rectified("features.3", [pooling(.maximum, square, of: first)], channels: 192, Window(5))
        let third = try rectified("features.6", [pooling(.maximum, square, of: second)], channels: 384, Window(3))
        let fourth = try rectified("features.8", [third], channels: 256, Window(3))
        let fifth = try rectified("features.10", [fourth], channels: 256, Window(3))
        return [[first], [second], [third], [fourth], [fifth]]
    }

    /// Returns the taps of SqueezeNet 1.1. The output of a fire module consists of two values.
    fileprivate mutating func squeezeNet(_ image: Value) throws -> [[Value]] {
        let first = [try rectified("features.0", [image], channels: 64, Window(3, stride: 2, padding: 0))]
        let second = try fire(fire(pooled(first), 3, 16, 64), 4, 16, 64)
        let third = try fire(fire(pooled(second), 6, 32, 128), 7, 32, 128)
        let fourth = try fire(pooled(third), 9, 48, 192)
        let fifth = try fire(fourth, 10, 48, 192)
        let sixth = try fire(fifth, 11, 64, 256)
        return [first, second, third, fourth, fifth, sixth, try fire(sixth, 12, 64, 256)]
    }

    private mutating func fire(_ inputs: [Value], _ index: Int, _ squeeze: Int, _ expand: Int) throws -> [Value] {
        let name = "features.\(index)"
        let squeezed = try rectified("\(name).squeeze", inputs, channels: squeeze, Window(1))
        return [
            try rectified("\(name).expand1x1", [squeezed], channels: expand, Window(1)),
            try rectified("\(name).expand3x3", [squeezed], channels: expand, Window(3)),
        ]
    }

    private mutating func pooled(_ inputs: [Value]) -> [Value] {
        inputs.map { pooling(.maximum, PoolingWindow(size: 3, stride: 2, ceils: true), of: $0) }
    }
}
