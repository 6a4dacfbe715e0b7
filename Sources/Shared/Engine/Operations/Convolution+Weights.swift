// Lays the weights out for the kernels. The file has [out, in, height, width] over unpadded channels. A pullback to one
// source takes that source's channels as outputs, and the kernel turned by half a turn.

extension Convolution {
    /// The weights of one direction, laid out for its kernel.
    enum Weights: Sendable {
        case panels(PanelMatrix, depth: Int, bias: FloatBuffer?)
        case winograd(WinogradWeights, ConvolutionKernel, bias: FloatBuffer?)
    }

    /// Throws what the weights' source throws.
    func makeForwardWeights() throws -> Weights {
        let bias = try paddedBias()
        return try weight.withElements { weight in
            guard forwardKernel == .indirect else {
                let layout = WinogradWeights.Layout(
                    rowStep: 9, columnStep: 9 * sources.shape.channels, rows: sources.shape.positions,
                    columns: output.shape.positions, depth: sources.shape.stride, columnCount: output.shape.stride,
                    flipped: false)
                return .winograd(
                    Self.winograd(forwardKernel, forwardGathering, weight, layout), forwardKernel, bias: bias)
            }
            return .panels(forwardPanels(weight), depth: sourceReads.reduce(0, greatestCommonDivisor), bias: bias)
        }
    }

    /// Returns the weights of the pullback to each source.
    func makePullbackWeights() throws -> [Weights] {
        try weight.withElements { weight in
            var firstChannel = 0
            return sources.values.map { source in
                defer { firstChannel += source.shape.channels }
                guard pullbackKernel == .indirect else {
                    let layout = WinogradWeights.Layout(
                        origin: 9 * firstChannel, rowStep: 9 * sources.shape.channels, columnStep: 9,
                        rows: output.shape.positions, columns: source.shape.positions, depth: output.shape.stride,
                        columnCount: source.shape.stride, flipped: true)
                    return .winograd(
                        Self.winograd(pullbackKernel, pullbackGathering, weight, layout), pullbackKernel, bias: nil)
                }
                return .panels(
                    pullbackPanels(weight, source.shape, firstChannel: firstChannel), depth: outputReads, bias: nil)
            }
        }
    }

    /// Returns the bias with zeros as padding.
    private func paddedBias() throws -> FloatBuffer? {
        guard let bias else { return nil }
        return try bias.withElements { elements in
            let buffer = FloatBuffer(zeros: output.shape.stride)
            for (channel, position) in output.shape.positions.enumerated() {
                buffer.start[position] = elements[channel]
            }
            return buffer
        }
    }

    private func forwardPanels(_ weight: UnsafeBufferPointer<Float>) -> PanelMatrix {
        let (taps, channels) = (window.taps, sources.shape.channels)
        let rowsPerTap = sourceReads.reduce(0, +)
        let rows = sources.shape.segments.count == 1 ? Array(0..<channels) : sources.shape.positions
        let columns = output.shape.positions
        return PanelMatrix(rows: taps * rowsPerTap, columns: output.shape.stride) { put in
            for (n, column) in columns.enumerated() {
                for (k, row) in rows.enumerated() {
                    for tap in 0..<taps { put(tap * rowsPerTap + row, column, weight[(n * channels + k) * taps + tap]) }
                }
            }
        }
    }

    private func pullbackPanels(
        _ weight: UnsafeBufferPointer<Float>, _ source: MapShape, firstChannel: Int
    ) -> PanelMatrix {
        let (taps, channels, rowsPerTap) = (window.taps, sources.shape.channels, outputReads)
        let (rows, columns) = (output.shape.positions, source.positions)
        return PanelMatrix(rows: taps * rowsPerTap, columns: source.stride) { put in
            for (n, row) in rows.enumerated() {
                for (k, column) in columns.enumerated() {
                    for tap in 0..<taps {
                        put(
                            tap * rowsPerTap + row, column, weight[(n * channels + firstChannel + k) * taps + tap])
                    }
                }
            }
        }
    }

    private static func winograd(
        _ kernel: ConvolutionKernel, _ gathering: PixelGathering, _ weight: UnsafeBufferPointer<Float>,
        _ layout: WinogradWeights.Layout
    ) -> WinogradWeights {
        kernel == .winograd2
            ? Winograd<WinogradF2>.weights(gathering, weight, layout)
            : Winograd<WinogradF4>.weights(gathering, weight, layout)
    }
}

private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : greatestCommonDivisor(b, a % b) }
