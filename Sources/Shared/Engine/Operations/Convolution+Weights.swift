// Lays the weights out for the kernels. The file has [out, in, height, width] over unpadded channels. A pullback to one
// source takes that source's channels as outputs, and the kernel turned by half a turn. A large layer keeps one matrix
// for both directions; a small one keeps one for each.

extension Convolution {
    /// The weights of one direction, laid out for its kernel.
    enum Weights: Sendable {
        case panels(WeightPanels, bias: FloatBuffer?)
        case tiles(TilePanels, bias: FloatBuffer?)
        case winograd(WinogradWeights, ConvolutionKernel, bias: FloatBuffer?)
    }

    /// The elements from which on a layer keeps one matrix: making a panel of a pullback from it costs little beside
    /// the products of such a layer.
    private static let largeWeights = 1 << 20

    /// Whether both directions use one matrix.
    var sharesWeights: Bool {
        let isWhole = sourceReads == sources.values.map(\.shape.stride) && outputReads == output.shape.stride
        guard isWhole, (forwardKernel == .indirect) == (pullbackKernel == .indirect) else { return false }
        guard forwardKernel != .tiles, pullbackKernel != .tiles else { return false }
        guard !forwardKeepsTransform, !pullbackKeepsTransform(columns: widestSource) else { return false }
        return options.sharesWeights ?? (weight.count >= Self.largeWeights)
    }

    var forwardKeepsTransform: Bool {
        forwardKernel.keepsTransform(forwardGathering, depth: sources.shape.stride, columns: output.shape.stride)
    }

    func pullbackKeepsTransform(columns: Int) -> Bool {
        pullbackKernel.keepsTransform(pullbackGathering, depth: output.shape.stride, columns: columns)
    }

    /// Whether a work item makes its panel of weights from those that are kept.
    func makesPanels(pullback: Bool) -> Bool { weight.precision != .float32 || pullback && sharesWeights }

    /// Throws what the weights' source throws.
    func makeForwardWeights() throws -> Weights {
        let bias = try paddedBias()
        return try weight.withElements { weight in
            let kernel = forwardKernel
            if kernel == .tiles {
                return .tiles(
                    TilePanels(
                        taps: window.taps, depth: sources.shape.stride,
                        columns: output.shape.stride
                    ) { fillForward(weight, rows: sources.shape.positions, $0) }, bias: bias)
            }
            guard kernel == .indirect else {
                let layout = WinogradWeights.Layout(
                    rowStep: 9, columnStep: 9 * sources.shape.channels, rows: sources.shape.positions,
                    columns: output.shape.positions, depth: sources.shape.stride, columnCount: output.shape.stride,
                    flipped: false)
                return .winograd(
                    winograd(weight, layout, kernel, transforms: forwardKeepsTransform), kernel, bias: bias)
            }
            return .panels(WeightPanels(forwardPanels(weight)), bias: bias)
        }
    }

    /// Returns the weights of the pullback to each source.
    func makePullbackWeights(_ forward: Weights) throws -> [Weights] {
        if sharesWeights { return turned(forward) }
        return try weight.withElements { weight in
            var firstChannel = 0
            return sources.values.map { source in
                defer { firstChannel += source.shape.channels }
                let kernel = pullbackKernel
                if kernel == .tiles {
                    let panels = TilePanels(
                        taps: window.taps, depth: output.shape.stride,
                        columns: source.shape.stride
                    ) { fillPullback(weight, source.shape, firstChannel: firstChannel, $0) }
                    return .tiles(panels, bias: nil)
                }
                guard kernel == .indirect else {
                    let layout = WinogradWeights.Layout(
                        origin: 9 * firstChannel, rowStep: 9 * sources.shape.channels, columnStep: 9,
                        rows: output.shape.positions, columns: source.shape.positions, depth: output.shape.stride,
                        columnCount: source.shape.stride, flipped: true)
                    let transforms = pullbackKeepsTransform(columns: source.shape.stride)
                    return .winograd(winograd(weight, layout, kernel, transforms: transforms), kernel, bias: nil)
                }
                return .panels(
                    WeightPanels(pullbackPanels(weight, source.shape, firstChannel: firstChannel)), bias: nil)
            }
        }
    }

    /// Returns the weights of the pullback to each source as views of the forward run's.
    private func turned(_ forward: Weights) -> [Weights] {
        var firstChannel = 0
        return sources.values.map { source in
            defer { firstChannel += source.shape.stride }
            func turn(_ kept: WeightPanels.Turn.Order, _ made: WeightPanels.Turn.Order, flips: Bool)
                -> WeightPanels.Turn
            {
                WeightPanels.Turn(
                    taps: window.taps, kept: kept, made: made, flips: flips, firstChannel: firstChannel,
                    columns: source.shape.stride)
            }
            switch forward {
            case .panels(let panels, _):
                let turn = turn(
                    .init(channelStep: 1, tapStep: sources.shape.stride),
                    .init(channelStep: 1, tapStep: output.shape.stride), flips: false)
                return .panels(WeightPanels(panels, turn: turn), bias: nil)
            case .tiles: preconditionFailure("tiles share no weights")
            case .winograd(let weights, _, _):
                let order = WeightPanels.Turn.Order(channelStep: 9, tapStep: 1)
                return .winograd(
                    WinogradWeights(weights, turn: turn(order, order, flips: true)), pullbackKernel, bias: nil)
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
        let rowsPerTap = sourceReads.reduce(0, +)
        let rows = sources.shape.segments.count == 1 ? Array(0..<sources.shape.channels) : sources.shape.positions
        return PanelMatrix(
            rows: window.taps * rowsPerTap, columns: output.shape.stride, precision: self.weight.precision
        ) { put in
            fillForward(weight, rows: rows) { tap, row, column, value in put(tap * rowsPerTap + row, column, value) }
        }
    }

    /// Puts each weight at its tap, the row of its input's channel and the column of its output's.
    @inline(__always)
    private func fillForward(_ weight: UnsafeBufferPointer<Float>, rows: [Int], _ put: TilePanels.Put) {
        let (taps, channels) = (window.taps, sources.shape.channels)
        for (n, column) in output.shape.positions.enumerated() {
            for (k, row) in rows.enumerated() {
                for tap in 0..<taps { put(tap, row, column, weight[(n * channels + k) * taps + tap]) }
            }
        }
    }

    private func pullbackPanels(
        _ weight: UnsafeBufferPointer<Float>, _ source: MapShape, firstChannel: Int
    ) -> PanelMatrix {
        let rowsPerTap = outputReads
        return PanelMatrix(rows: window.taps * rowsPerTap, columns: source.stride, precision: self.weight.precision) {
            put in
            fillPullback(weight, source, firstChannel: firstChannel) { tap, row, column, value in
                put(tap * rowsPerTap + row, column, value)
            }
        }
    }

    /// Puts each weight that reads a source at its tap, the row of its output's channel and the column of its input's.
    @inline(__always)
    private func fillPullback(
        _ weight: UnsafeBufferPointer<Float>, _ source: MapShape, firstChannel: Int, _ put: TilePanels.Put
    ) {
        let (taps, channels) = (window.taps, sources.shape.channels)
        for (n, row) in output.shape.positions.enumerated() {
            for (k, column) in source.positions.enumerated() {
                for tap in 0..<taps { put(tap, row, column, weight[(n * channels + firstChannel + k) * taps + tap]) }
            }
        }
    }

    private func winograd(
        _ weight: UnsafeBufferPointer<Float>, _ layout: WinogradWeights.Layout, _ kernel: ConvolutionKernel,
        transforms: Bool
    ) -> WinogradWeights {
        let kernels = WeightPanels(WinogradWeights.kernels(weight, layout, precision: self.weight.precision))
        guard transforms else { return WinogradWeights(kernels: kernels) }
        return kernel == .winograd2
            ? WinogradWeights(WinogradF2.self, transforming: kernels)
            : WinogradWeights(WinogradF4.self, transforming: kernels)
    }
}
