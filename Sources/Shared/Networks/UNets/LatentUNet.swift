import Diagnostics
import Engine
import Formats
import Tensors

/// The U-Net of latent diffusion (Rombach et al. 2022): the network's own output, noise or velocity, for latents x,
/// steps n and a context.
///
/// x is [B, C, H, W]. A step is a real number, in 0...999 for most networks. Everything that the context alone decides
/// is computed once, by `read`.
package struct LatentUNet: Sendable {
    package let configuration: NetworkConfiguration
    /// [C, H, W]
    package let latentShape: [Int]
    /// The shape of a context, [tokens, width]; nil if the network reads none.
    package let contextShape: [Int]?
    /// The number of multiply-adds for one latent and one context.
    package let multiplications: Int
    /// The names and the shapes of all tensors that the network needs.
    package let tensors: [(name: String, shape: [Int])]
    private let context: CompiledNetwork?
    private let whole: CompiledNetwork
    /// The part that reads no context, and the part behind it; nil if there is no context.
    private let parts: (stem: CompiledNetwork, rest: CompiledNetwork)?

    /// Contexts as the layers of one network read them.
    package struct ReadContext: Sendable {
        fileprivate let tensors: [Tensor<Float>]

        /// The context of a network that takes none.
        package static let none = ReadContext(tensors: [])

        /// Returns the contexts at `indices`, in that order; one may come several times.
        package func rows(_ indices: [Int]) -> ReadContext { ReadContext(tensors: tensors.map { $0.gather(indices) }) }

        /// Returns the contexts of `parts` one after another.
        package static func concatenate(_ parts: [ReadContext]) -> ReadContext {
            guard let first = parts.first else { return .none }
            return ReadContext(
                tensors: first.tensors.indices.map { place in .concatenate(parts.map { $0.tensors[place] }) })
        }

        /// The memory that the numbers take.
        package var bytes: Int { tensors.reduce(0) { $0 + 4 * $1.count } }
    }

    /// - Parameters:
    ///   - weights: nil to learn which tensors the network needs.
    ///   - prefix: the text before the tensors' names.
    ///   - height, width: the size of latents; each level halves them.
    ///   - tokens: the number of tokens of a context.
    /// - Throws: `data` if the weights do not fit the configuration, or have more tensors of a U-Net.
    package init(
        weights: (any WeightSource)?, prefix: String, configuration: NetworkConfiguration, height: Int, width: Int,
        tokens: Int, pool: ThreadPool, precision: ProductPrecision = .float32
    ) throws {
        let factor = 1 << (configuration.channelMultipliers.count - 1)
        guard height > 0, width > 0, height.isMultiple(of: factor), width.isMultiple(of: factor) else {
            throw Failure(.data, "a latent of \(height)x\(width) pixels cannot be halved at every level of the network")
        }
        var builder = NetworkBuilder(weights: weights, prefix: prefix, requiresBiases: true)
        let x = builder.input(MapShape(height: height, width: width, channels: configuration.imageChannels))
        let step = builder.input(MapShape(features: 2))
        let branch = configuration.guided.contextWidth.map { ContextBranch(tokens: tokens, width: $0, builder) }
        var network = GuidedUNetBuilder(configuration, builder, context: branch)
        let output = try network.build(image: x, step: step, labels: nil)
        let graph = try network.builder.graph.multiplying(in: precision)
        self.configuration = configuration
        latentShape = [configuration.imageChannels, height, width]
        contextShape = configuration.guided.contextWidth.map { [tokens, $0] }
        multiplications = graph.multiplications
        let contextTensors = network.context?.builder.requested ?? []
        tensors = network.builder.requested + contextTensors
        try network.builder.refuseOthers(roots: [""], besides: contextTensors)
        let received = network.context?.received ?? []
        let (together, memory) = (CompiledNetwork.imagesTogether(graph), MemoryBlocks())
        whole = CompiledNetwork(
            graph, inputs: [x, step] + received, outputs: [output], differentiable: [x, step], pool: pool,
            imagesTogether: together, memory: memory)
        guard let branch = network.context else {
            (context, parts) = (nil, nil)
            return
        }
        context = CompiledNetwork(
            try branch.builder.graph.multiplying(in: precision), inputs: [branch.input], outputs: branch.outputs,
            differentiable: [], pool: pool)
        parts = Self.parts(graph, [x, step], received, output) { piece, inputs, outputs, differentiable in
            CompiledNetwork(
                piece, inputs: inputs, outputs: outputs, differentiable: differentiable, pool: pool,
                imagesTogether: together, memory: memory)
        }
    }

    /// Cuts the graph before the first operation that reads the context.
    private static func parts(
        _ graph: Graph, _ inputs: [Value], _ received: [Value], _ output: Value,
        compile: (
            _ piece: Graph, _ inputs: [Value], _ outputs: [Value], _ differentiable: [Value]
        ) -> CompiledNetwork
    ) -> (stem: CompiledNetwork, rest: CompiledNetwork)? {
        let told = Set(received.map(\.id))
        guard let start = graph.operations.firstIndex(where: { $0.inputs.contains { told.contains($0.id) } }) else {
            return nil
        }
        let pieces = graph.pieces(at: [start], inputs: inputs + received)
        let border = pieces[1].inputs.filter { !told.contains($0.id) }
        return (
            compile(pieces[0].graph, inputs, border, inputs),
            compile(pieces[1].graph, border + received, [output], border)
        )
    }

    // MARK: - Runs

    /// Returns contexts, [B, tokens, width], as the layers of this network read them.
    package func read(_ contexts: Tensor<Float>) throws -> ReadContext {
        guard let context, contexts.sampleShape == contextShape else {
            throw Failure(
                .data,
                "a context of shape \(contexts.sampleShape) came where the network reads "
                    + (contextShape.map { "\($0)" } ?? "none"))
        }
        return ReadContext(tensors: try context.evaluate([contexts.tokensAsPixels]))
    }

    /// Returns the output for x and steps, [B], under each of `contexts`, which have B rows. What does not depend on
    /// the context is computed once.
    package func evaluate(
        _ x: Tensor<Float>, steps: [Double], given contexts: [ReadContext]
    ) throws -> [Tensor<Float>] {
        guard contexts.count > 1, let parts else {
            return try contexts.map { try whole.evaluate([x, Self.digits(steps)] + $0.tensors)[0] }
        }
        let border = try parts.stem.evaluate([x, Self.digits(steps)])
        let both = try parts.rest.evaluate(Self.repeated(border, contexts))[0]
        return (0..<contexts.count).map { both.samples($0 * x.batch..<($0 + 1) * x.batch) }
    }

    /// Returns the outputs of `evaluate`, and a closure that pulls one cotangent for each back to x and the steps. The
    /// closure holds the memory of all activations: drop it when it is no longer needed.
    package func linearize(
        _ x: Tensor<Float>, steps: [Double], given contexts: [ReadContext]
    ) throws -> (values: [Tensor<Float>], pullback: ([Tensor<Float>]) throws -> (x: Tensor<Float>, steps: [Double])) {
        let batch = x.batch
        guard contexts.count > 1, let parts else {
            let (values, pullback) = try whole.linearize([x, Self.digits(steps)] + (contexts.first?.tensors ?? []))
            return (values, { try Self.cotangents(pullback($0)) })
        }
        let stem = try parts.stem.linearize([x, Self.digits(steps)])
        let rest = try parts.rest.linearize(Self.repeated(stem.values, contexts))
        let values = (0..<contexts.count).map { rest.values[0].samples($0 * batch..<($0 + 1) * batch) }
        return (
            values,
            { cotangents in
                let border = try rest.pullback([.concatenate(cotangents)])
                let sums = border.map { both in
                    (1..<contexts.count).reduce(into: both.samples(0..<batch)) {
                        $0.add(both.samples($1 * batch..<($1 + 1) * batch), times: 1)
                    }
                }
                return try Self.cotangents(stem.pullback(sums))
            }
        )
    }

    /// Returns each border tensor once for each context, then the contexts' tensors one after another.
    private static func repeated(_ border: [Tensor<Float>], _ contexts: [ReadContext]) -> [Tensor<Float>] {
        border.map { tensor in .concatenate(contexts.map { _ in tensor }) }
            + contexts[0].tensors.indices.map { index in .concatenate(contexts.map { $0.tensors[index] }) }
    }

    /// Returns each step as the sum of two Floats, [B, 2].
    private static func digits(_ steps: [Double]) -> Tensor<Float> {
        Tensor(shape: [steps.count, 2], elements: steps.flatMap { [Float($0), Float($0 - Double(Float($0)))] })
    }

    private static func cotangents(_ pulled: [Tensor<Float>]) -> (x: Tensor<Float>, steps: [Double]) {
        let digits = pulled[1].elements
        return (pulled[0], stride(from: 0, to: digits.count, by: 2).map { Double(digits[$0]) })
    }
}
