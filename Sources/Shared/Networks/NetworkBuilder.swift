import Diagnostics
import Engine
import Formats

/// A graph under construction, and the weights for it. The shape of a weight is checked when a layer is added; the
/// weight itself is read when the network first runs.
package struct NetworkBuilder {
    package internal(set) var graph = Graph()
    /// nil if the graph is built only to learn which tensors it needs (`requested`).
    package let weights: (any WeightSource)?
    /// The text before every name in the file, for example "model.".
    package let prefix: String
    /// If given, every convolution that can use this kernel does; for measurements and tests.
    private let kernel: ConvolutionKernel?
    /// Whether every layer that may have a bias must have one; else the file decides.
    private let requiresBiases: Bool
    /// The name and the shape of every tensor that the layers so far need.
    private(set) var requested: [(name: String, shape: [Int])] = []

    package init(
        weights: (any WeightSource)?, prefix: String = "", requiresBiases: Bool = false,
        kernel: ConvolutionKernel? = nil
    ) {
        self.weights = weights
        self.prefix = prefix
        self.requiresBiases = requiresBiases
        self.kernel = kernel
    }

    package mutating func input(_ shape: MapShape) -> Value { graph.input(shape) }

    // MARK: - Weights

    /// Whether the layer `name` has a bias.
    private func hasBias(_ name: String) -> Bool { requiresBiases || has(name + ".bias") }

    func has(_ name: String) -> Bool { weights.map { $0.shape(of: prefix + name) != nil } ?? true }

    /// Returns the tensor `name` of the file. Throws `.data` if the file lacks it or holds it with another shape.
    package mutating func parameter(_ name: String, _ shape: [Int]) throws -> Parameter {
        let full = prefix + name
        requested.append((full, shape))
        guard let weights else { return Parameter(name: full, shape: shape, elements: []) }
        guard let found = weights.shape(of: full) else { throw weights.missing(full) }
        // A convolution along one axis lacks our last 1, and a layer that one file has as a matrix is a 1x1 convolution
        // in another.
        guard found.withoutLastOnes == shape.withoutLastOnes else {
            throw Failure(.data, place: full, "has shape \(found) where the configuration asks for \(shape)")
        }
        return Parameter(
            name: full, shape: shape, precision: WeightPrecision(weights.type(of: full)),
            access: { body in try weights.withFloats(full, body) })
    }

    /// Returns the weights [channels, in, height, width] of the convolution `name` over `sources`.
    package mutating func kernelWeights(
        _ name: String, for sources: Sources, channels: Int, _ window: Window
    ) throws -> Parameter {
        try parameter(name, [channels, sources.shape.channels, window.height, window.width])
    }

    /// Throws `.data` if the file has a tensor whose name, behind the prefix, begins with one of `roots`, and which neither
    /// the layers so far nor `others` need: the network in the file has a part that this one lacks.
    func refuseOthers(roots: [String], besides others: [(name: String, shape: [Int])] = []) throws {
        let known = Set((requested + others).map(\.name))
        let other = weights?.tensorNames.first { name in
            !known.contains(name) && roots.contains { name.hasPrefix(prefix + $0) }
        }
        if let other {
            throw Failure(.data, place: other, "the model file has this tensor, which such a network does not have")
        }
    }

    // MARK: - Layers

    /// Adds the convolution `name` of the concatenated `sources`, with a bias if it must have one or the file has one.
    ///
    /// - Parameters:
    ///   - segments: the numbers of output channels; more than one if the output is to be taken apart.
    ///   - order: row i of the weights used is row `order[i]` of the file's.
    ///   - biased: whether the layer may have a bias.
    package mutating func convolution(
        _ name: String, _ sources: Sources, segments: [Int], window: Window, options: Convolution.Options = .init(),
        order: [Int]? = nil, biased: Bool = true
    ) throws -> Value {
        let channels = segments.reduce(0, +)
        var weight = try kernelWeights(name + ".weight", for: sources, channels: channels, window)
        var bias = biased && hasBias(name) ? try parameter(name + ".bias", [channels]) : nil
        if let order {
            weight = weight.reordered(rows: order)
            bias = bias?.reordered(rows: order)
        }
        return convolution(sources, segments: segments, window: window, weight: weight, bias: bias, options: options)
    }

    /// Adds a convolution with weights that the caller made.
    package mutating func convolution(
        _ sources: Sources, segments: [Int], window: Window, weight: Parameter, bias: Parameter?,
        options: Convolution.Options = .init()
    ) -> Value {
        var options = options
        options.kernel = options.kernel ?? kernel
        return graph.add(window.output(of: sources.shape, segments: segments)) { [options] in
            Convolution(sources, output: $0, window: window, weight: weight, bias: bias, options: options)
        }
    }

    /// Adds the linear layer `name` of a vector. Its weight is [out, in] and is multiplied by `inputScale`.
    mutating func linear(
        _ name: String, _ input: Value, segments: [Int], inputScale: Float = 1, residual: Value? = nil
    ) throws -> Value {
        let shape = MapShape(height: 1, width: 1, segments: segments)
        let weight = try parameter(name + ".weight", [shape.channels, input.shape.channels]).scaled(by: inputScale)
        let bias = hasBias(name) ? try parameter(name + ".bias", [shape.channels]) : nil
        return graph.add(shape) {
            Convolution(
                Sources(input), output: $0, window: Window(1), weight: weight, bias: bias,
                options: .init(residual: residual))
        }
    }

    mutating func silu(_ input: Value) -> Value { graph.add(input.shape) { SiLU(input, output: $0) } }

    /// Adds the group norm `name`. Throws `.data` if the channels cannot be cut into as many groups.
    mutating func groupNorm(_ name: String, _ sources: Sources, options: GroupNorm.Options) throws -> Value {
        let channels = sources.shape.channels
        guard options.groups > 0, channels % options.groups == 0 else {
            throw Failure(
                .data, place: prefix + name, "\(channels) channels cannot be cut into \(options.groups) groups")
        }
        let gamma = try parameter(name + ".weight", [channels])
        let beta = try parameter(name + ".bias", [channels])
        return graph.add(GroupNorm.outputShape(sources.shape, halves: options.halves)) {
            GroupNorm(sources, output: $0, gamma: gamma, beta: beta, options: options)
        }
    }

    /// Adds the twofold resampling of each value.
    mutating func resample(
        _ sources: Sources, _ direction: Resample.Direction, filter: [Double], padding: Int? = nil
    ) -> Sources {
        Sources(
            sources.values.map { value in
                graph.add(Resample.outputShape(value.shape, direction, filter: filter, padding: padding)) {
                    Resample(value, output: $0, direction, filter: filter, padding: padding)
                }
            })
    }

    package mutating func pooling(
        _ kind: Pooling.Kind, _ window: PoolingWindow, of input: Value, rectifies: Bool = false
    ) -> Value {
        graph.add(window.output(of: input.shape)) {
            Pooling(input, output: $0, window: window, kind: kind, rectifies: rectifies)
        }
    }

    /// Adds the mean over all pixels.
    package mutating func globalMean(_ input: Value) -> Value {
        graph.add(GlobalMean.outputShape(input.shape)) { GlobalMean(input, output: $0) }
    }

    /// Returns the concatenation of `sources` as one value. A single value of one segment is returned as it is.
    mutating func joined(_ sources: Sources) -> Value {
        if sources.values.count == 1, sources.shape.segments.count == 1 { return sources.values[0] }
        return graph.add(Concatenation.outputShape(sources)) { Concatenation(sources, output: $0) }
    }
}

extension [Int] {
    /// The sizes without the ones at the end.
    fileprivate var withoutLastOnes: [Int] { Array(reversed().drop { $0 == 1 }.reversed()) }
}

extension WeightPrecision {
    /// The precision in which weights of a file's type are kept.
    fileprivate init(_ type: DataType?) {
        switch type {
        case .float16: self = .float16
        case .bfloat16: self = .bfloat16
        default: self = .float32
        }
    }
}
