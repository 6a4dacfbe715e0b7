import Diagnostics

/// A convolution of concatenated maps, with everything that is added to its sum:
///
///     output = scale (conv(inputs) + bias + image bias + residual), then max(., 0) if `rectifies`
///
/// Weights are [out, in, height, width] over the inputs' unpadded channels. A linear layer is the 1x1 case on maps of
/// one pixel. A rectifying convolution's pullback sets to zero the output's cotangent where the output is zero.
package struct Convolution: Operation {
    package struct Options: Sendable {
        /// One vector for each image, added before the scale: [batch, 1, 1, out].
        package var imageBias: Value?
        /// A map of the output's shape, added before the scale.
        package var residual: Value?
        package var scale: Float = 1
        package var rectifies = false
        /// Overrides the choice among the kernels in Float, for tests; never `tiles`.
        package var kernel: ConvolutionKernel?
        /// The numbers that are multiplied.
        package var precision = ProductPrecision.float32
        /// Overrides the choice whether both directions use one matrix, if they can; for tests.
        package var sharesWeights: Bool?

        package init(
            imageBias: Value? = nil, residual: Value? = nil, scale: Float = 1, rectifies: Bool = false,
            kernel: ConvolutionKernel? = nil, sharesWeights: Bool? = nil
        ) {
            self.imageBias = imageBias
            self.residual = residual
            self.scale = scale
            self.rectifies = rectifies
            self.kernel = kernel
            self.sharesWeights = sharesWeights
        }
    }

    package let sources: Sources
    package let output: Value
    let window: Window
    let weight: Parameter
    let bias: Parameter?
    let options: Options
    private let forwardWeights = MadeOnce<Weights>()
    private let pullbackWeights = MadeOnce<[Weights]>()

    package init(
        _ sources: Sources, output: Value, window: Window, weight: Parameter, bias: Parameter?,
        options: Options = Options()
    ) {
        precondition(window.output(of: sources.shape, segments: output.shape.segments) == output.shape)
        precondition(options.residual.map { $0.shape == output.shape } ?? true)
        precondition(!options.rectifies || options.imageBias == nil && options.residual == nil)
        self.sources = sources
        self.output = output
        self.window = window
        self.weight = weight
        self.bias = bias
        self.options = options
    }

    package var kind: LayerKind {
        if window.taps == 1 { return output.shape.pixels == 1 ? .linear : .convolution1x1 }
        return window.height == 3 && window.width == 3 ? .convolution3x3 : .convolution
    }

    package var multiplications: Int {
        output.shape.pixels * output.shape.channels * sources.shape.channels * window.taps
    }

    package var inputs: [Value] {
        sources.values + [options.imageBias, options.residual].compactMap { $0 }
    }

    package var pullbackReadsOutput: Bool { options.rectifies }
    package func overwrites(pullback: Bool) -> [MemoryBuffer] {
        pullback && options.rectifies ? [.cotangent(output)] : []
    }

    package func multiplying(in precision: ProductPrecision) -> Convolution {
        var options = options
        options.precision = precision
        return Convolution(
            sources, output: output, window: window, weight: weight, bias: bias, options: options)
    }

    // MARK: - Kernels and geometry

    var forwardKernel: ConvolutionKernel { kernel(output: output.shape, inputs: sources.values.count) }

    /// The kernel of the pullback to one source, which is a convolution with the transposed, flipped weights.
    var pullbackKernel: ConvolutionKernel { kernel(output: slidingShape, inputs: 1) }

    private func kernel(output: MapShape, inputs: Int) -> ConvolutionKernel {
        if options.precision.usesTiles(pixels: output.pixels) { return .tiles }
        let chosen = options.kernel ?? .choose(window, output: output, inputs: inputs)
        return chosen != .tiles && ConvolutionKernel.supportsWinograd(window, inputs: inputs) ? chosen : .indirect
    }

    /// The shape of the map that the window slides over.
    var slidingShape: MapShape {
        let size = window.slidingSize(sources.shape)
        return MapShape(height: size.height, width: size.width, segments: sources.shape.segments)
    }

    var forwardGathering: PixelGathering {
        PixelGathering(
            window: window, transposed: false, inputHeight: sources.shape.height, inputWidth: sources.shape.width,
            outputHeight: output.shape.height, outputWidth: output.shape.width)
    }

    var pullbackGathering: PixelGathering {
        var plain = window
        plain.upsamples = false
        return PixelGathering(
            window: plain, transposed: true, inputHeight: output.shape.height, inputWidth: output.shape.width,
            outputHeight: slidingShape.height, outputWidth: slidingShape.width)
    }

    /// Channels read from each source, its padding included, unless the only source is a narrow map, mostly padding.
    var sourceReads: [Int] {
        let isNarrow = sources.shape.segments.count == 1 && sources.shape.channels < lanes
        return isNarrow ? [sources.shape.channels] : sources.values.map(\.shape.stride)
    }

    /// Channels that the pullback reads from the output's cotangent.
    var outputReads: Int {
        let isNarrow = output.shape.segments.count == 1 && output.shape.channels < lanes
        return isNarrow ? output.shape.channels : output.shape.stride
    }

    package func scratchCount(_ extent: PlanExtent, pullback: Bool) -> Int {
        guard pullback else {
            return scratchCount(
                forwardKernel, forwardGathering, depth: sources.shape.stride, keeps: forwardKeepsTransform,
                makes: makesPanels(pullback: false), extent: extent)
        }
        let enlarged = window.upsamples ? extent.batch * slidingShape.pixels * widestSource : 0
        return enlarged + pullbackKernelScratchCount(extent)
    }

    var widestSource: Int { sources.values.map(\.shape.stride).max() ?? 0 }

    private func pullbackKernelScratchCount(_ extent: PlanExtent) -> Int {
        scratchCount(
            pullbackKernel, pullbackGathering, depth: output.shape.stride,
            keeps: pullbackKeepsTransform(columns: widestSource), makes: makesPanels(pullback: true), extent: extent)
    }

    private func scratchCount(
        _ kernel: ConvolutionKernel, _ gathering: PixelGathering, depth: Int, keeps: Bool, makes: Bool,
        extent: PlanExtent
    ) -> Int {
        switch kernel {
        case .indirect:
            makes ? IndirectConvolution.scratchCount(extent: extent) : 0
        case .winograd2:
            Winograd<WinogradF2>.scratchCount(
                gathering, depth: depth, keeps: keeps, makesKernels: makes, extent: extent)
        case .winograd4:
            Winograd<WinogradF4>.scratchCount(
                gathering, depth: depth, keeps: keeps, makesKernels: makes, extent: extent)
        case .tiles:
            TiledConvolution.scratchCount(gathering, depth: depth, extent: extent)
        }
    }

    // MARK: - Weights

    package func prepare(pullback: Bool) throws {
        try forwardWeights.prepare { try makeForwardWeights() }
        guard pullback, let forward = forwardWeights.value else { return }
        try pullbackWeights.prepare { try makePullbackWeights(forward) }
    }

    // MARK: - Forward and pullback

    package func forward(_ run: GraphRun) {
        guard let weights = forwardWeights.value else { preconditionFailure("\(weight.name) was not prepared") }
        let stride = output.shape.stride
        let epilogue = ConvolutionEpilogue(
            bias: nil, imageBias: options.imageBias.map { FloatPointer(run.activations($0)) },
            residual: options.residual.map { FloatPointer(run.activations($0)) }, scale: options.scale,
            rectifies: options.rectifies, target: run.activations(output), stride: stride)
        let inputs = sources.values.map {
            InputMap(start: FloatPointer(run.activations($0)), stride: $0.shape.stride)
        }
        Self.convolve(
            run, weights, forwardGathering, inputs: inputs, reads: sourceReads, epilogue)
    }

    package func pullback(_ run: GraphRun) {
        guard let weights = pullbackWeights.value else { preconditionFailure("\(weight.name) was not prepared") }
        let cotangent = run.cotangent(output)
        if options.rectifies {
            MapPasses.mask(run, cotangent, where: run.activations(output), count: run.batch * output.shape.count)
        }
        for (index, source) in sources.values.enumerated() {
            guard let (target, adds) = run.delivery(index, of: source) else { continue }
            pull(run, weights[index], cotangent: cotangent, to: source, target: target, adds: adds)
        }
        var index = sources.values.count
        if let imageBias = options.imageBias {
            if let (target, adds) = run.delivery(index, of: imageBias) {
                MapPasses.sumPixels(
                    run, FloatPointer(cotangent), shape: output.shape, scale: options.scale, target: target, adds: adds)
            }
            index += 1
        }
        if let residual = options.residual, let (target, adds) = run.delivery(index, of: residual) {
            MapPasses.scale(
                run, FloatPointer(cotangent), by: options.scale, target: target, adds: adds,
                count: run.batch * output.shape.count)
        }
    }

    /// Pulls the cotangent back to one source.
    private func pull(
        _ run: GraphRun, _ weights: Weights, cotangent: MutableFloatPointer, to source: Value,
        target: MutableFloatPointer, adds: Bool
    ) {
        let inputs = [InputMap(start: FloatPointer(cotangent), stride: output.shape.stride)]
        let reads = [outputReads]
        var epilogue = ConvolutionEpilogue(
            scale: options.scale, adds: adds, target: target, stride: source.shape.stride)
        guard window.upsamples else {
            return Self.convolve(run, weights, pullbackGathering, inputs: inputs, reads: reads, epilogue)
        }
        // The cotangent on the enlarged grid lies behind the kernel's own scratch.
        let enlarged = run.scratch + pullbackKernelScratchCount(run.plan.extent)
        epilogue.target = enlarged
        epilogue.adds = false
        Self.convolve(run, weights, pullbackGathering, inputs: inputs, reads: reads, epilogue)
        MapPasses.sumSquares(run, FloatPointer(enlarged), shape: source.shape, target: target, adds: adds)
    }

    private static func convolve(
        _ run: GraphRun, _ weights: Weights, _ gathering: PixelGathering, inputs: [InputMap], reads: [Int],
        _ epilogue: ConvolutionEpilogue
    ) {
        var epilogue = epilogue
        switch weights {
        case .panels(let panels, let bias):
            epilogue.bias = bias.map { FloatPointer($0.start) }
            IndirectConvolution(
                run, gathering, inputs: inputs, reads: reads, weights: panels, epilogue: epilogue)()
        case .tiles(let panels, let bias):
            epilogue.bias = bias.map { FloatPointer($0.start) }
            TiledConvolution(run, gathering, inputs: inputs, weights: panels, epilogue: epilogue)()
        case .winograd(let weights, let kernel, let bias):
            epilogue.bias = bias.map { FloatPointer($0.start) }
            if kernel == .winograd2 {
                Winograd<WinogradF2>(
                    run: run, gathering: gathering, input: inputs[0], weights: weights, epilogue: epilogue)()
            } else {
                Winograd<WinogradF4>(
                    run: run, gathering: gathering, input: inputs[0], weights: weights, epilogue: epilogue)()
            }
        }
    }
}
