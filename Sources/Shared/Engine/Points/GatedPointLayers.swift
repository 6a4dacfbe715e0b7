import Diagnostics
import Tensors

/// Layers that are the same for every point of a cloud and are steered by a context vector c of the cloud
/// (ConcatSquash, Luo and Hu 2021):
///
///     y = gate (W x + b) + shift,    gate = logistic(G c + g),    shift = H c
///
/// with max(y, slope y) behind every layer but the last. No point sees another one, so a cloud may have any number of
/// points. Points go through all layers in blocks that fit the processor's cache; the pullback computes a block anew
/// instead of keeping its activations. Neither the batch nor the number of threads changes a bit of a cloud's result.
package final class GatedPointLayers: Sendable {
    /// The weights of one layer: W [out, in], b and g [out], G and H [out, context].
    package struct Layer: Sendable {
        package var weight: Parameter
        package var bias: Parameter
        package var gateWeight: Parameter
        package var gateBias: Parameter
        package var shiftWeight: Parameter

        package init(
            weight: Parameter, bias: Parameter, gateWeight: Parameter, gateBias: Parameter, shiftWeight: Parameter
        ) {
            self.weight = weight
            self.bias = bias
            self.gateWeight = gateWeight
            self.gateBias = gateBias
            self.shiftWeight = shiftWeight
        }

        package var inputs: Int { weight.shape[1] }
        package var outputs: Int { weight.shape[0] }
    }

    /// A layer's matrices, and the place of its channels among those of all layers.
    struct LayedOut: Sendable {
        let inputs: Int
        let outputs: Int
        /// Outputs with their padding.
        let stride: Int
        /// The first channel.
        let first: Int
        /// [inputs, outputs]
        let forward: PanelMatrix
        /// [outputs, inputs]
        let pullback: PanelMatrix
    }

    /// Points that go through the layers together.
    static let blockPoints = 64

    package let contextCount: Int
    let slope: Float
    let layers: [LayedOut]
    /// Channels of all layers, with their padding.
    let channels: Int
    /// The most channels between two layers, with their padding.
    let widest: Int
    /// b of all layers, [channels].
    let biases: FloatBuffer
    private let gateBiases: FloatBuffer
    /// [context, 2 channels]: G of all layers, then H of all layers.
    private let contextMatrix: PanelMatrix
    let pool: ThreadPool

    /// Throws what reading the weights throws.
    package init(_ layers: [Layer], contextCount: Int, slope: Float, pool: ThreadPool) throws {
        precondition(!layers.isEmpty)
        self.contextCount = contextCount
        self.slope = slope
        self.pool = pool
        var laidOut: [LayedOut] = []
        var first = 0
        for layer in layers {
            precondition(laidOut.last.map { $0.outputs == layer.inputs } ?? true)
            let weight = try layer.weight.load()
            let stride = roundUp(layer.outputs, to: lanes)
            laidOut.append(
                LayedOut(
                    inputs: layer.inputs, outputs: layer.outputs, stride: stride, first: first,
                    forward: PanelMatrix(rows: layer.inputs, columns: stride) { put in
                        for index in weight.indices { put(index % layer.inputs, index / layer.inputs, weight[index]) }
                    },
                    pullback: PanelMatrix(rows: layer.outputs, columns: roundUp(layer.inputs, to: lanes)) { put in
                        for index in weight.indices { put(index / layer.inputs, index % layer.inputs, weight[index]) }
                    }))
            first += stride
        }
        self.layers = laidOut
        channels = first
        widest = laidOut.map { max($0.stride, roundUp($0.inputs, to: lanes)) }.max() ?? lanes
        biases = try Self.joined(layers.map(\.bias), laidOut, channels: first)
        gateBiases = try Self.joined(layers.map(\.gateBias), laidOut, channels: first)
        contextMatrix = try Self.contextMatrix(layers, laidOut, context: contextCount, channels: first)
    }

    /// Multiply-adds of one point.
    package var multiplications: Int { layers.reduce(0) { $0 + $1.inputs * $1.outputs } }
    package var inputs: Int { layers[0].inputs }
    package var outputs: Int { layers[layers.count - 1].outputs }

    private static func joined(_ parameters: [Parameter], _ layers: [LayedOut], channels: Int) throws -> FloatBuffer {
        let buffer = FloatBuffer(zeros: channels)
        for (parameter, layer) in zip(parameters, layers) {
            for (index, value) in try parameter.load().enumerated() { buffer.start[layer.first + index] = value }
        }
        return buffer
    }

    private static func contextMatrix(
        _ layers: [Layer], _ laidOut: [LayedOut], context: Int, channels: Int
    ) throws -> PanelMatrix {
        var parts: [(first: Int, weight: [Float])] = []
        for (layer, place) in zip(layers, laidOut) {
            parts.append((place.first, try layer.gateWeight.load()))
            parts.append((channels + place.first, try layer.shiftWeight.load()))
        }
        return PanelMatrix(rows: context, columns: 2 * channels) { put in
            for (first, weight) in parts {
                for index in weight.indices { put(index % context, first + index / context, weight[index]) }
            }
        }
    }
}

// MARK: - Gates

extension GatedPointLayers {
    /// Gates and offsets of every cloud, [B, 2 channels]: gate, then b gate + shift, so that y = gate (W x) + offset.
    func gates(_ context: Tensor<Float>) -> FloatBuffer {
        let result = contextProduct(context)
        for sample in 0..<context.batch {
            let gate = result.start + sample * 2 * channels
            let offset = gate + channels
            for column in stride(from: 0, to: channels, by: lanes) {
                let value = logistic(load(gate + column) + load(gateBiases.start + column))
                store(value, gate + column)
                store(multiplyAdd(load(offset + column), load(biases.start + column), value), offset + column)
            }
        }
        return result
    }

    /// Derivatives of gate and shift along a parameter of the context, [B, 2 channels].
    ///
    /// - Parameter rate: the derivative of the context along the parameter, [B, context].
    func gateRates(_ rate: Tensor<Float>, gates: FloatBuffer) -> FloatBuffer {
        let result = contextProduct(rate)
        let one = FloatVector(repeating: 1)
        for sample in 0..<rate.batch {
            let (rates, gate) = (result.start + sample * 2 * channels, gates.start + sample * 2 * channels)
            for column in stride(from: 0, to: channels, by: lanes) {
                let value = load(gate + column)
                store(load(rates + column) * value * (one - value), rates + column)
            }
        }
        return result
    }

    /// Returns the product of rows [B, context] with G and H, [B, 2 channels].
    private func contextProduct(_ rows: Tensor<Float>) -> FloatBuffer {
        precondition(rows.sampleShape == [contextCount])
        let columns = 2 * channels
        let tiles = (rows.batch + 7) / 8
        let result = FloatBuffer(count: tiles * 8 * columns, for: .activations)
        rows.withElements { elements in
            guard let start = elements.baseAddress else { return }
            pool.parallelFor(tiles * contextMatrix.panelCount) { item, _ in
                let (tile, panel) = item.quotientAndRemainder(dividingBy: contextMatrix.panelCount)
                withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: 8) { table in
                    guard let pointers = table.baseAddress else { return }
                    for row in 0..<8 { pointers[row] = start + min(tile * 8 + row, rows.batch - 1) * contextCount }
                    multiplyPanel(
                        width: contextMatrix.width(ofPanel: panel), taps: 1, rows: pointers, depth: contextCount,
                        panel: contextMatrix.panel(panel), c: result.start + tile * 8 * columns + panel * 32,
                        ldc: columns)
                }
            }
        }
        return result
    }
}
