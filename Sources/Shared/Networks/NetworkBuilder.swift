import Diagnostics
import Engine
import Formats

/// A graph under construction, with the weights it draws on. Weights are checked by shape now and read on first use.
struct NetworkBuilder {
    var graph = Graph()
    /// nil: the graph is built for the list of tensors that it needs (`requested`).
    let weights: (any WeightSource)?
    /// What stands before every name in the file, for example "model.".
    let prefix: String
    /// Every convolution uses it where it can, in place of the best; for measurements and tests.
    var kernel: ConvolutionKernel?
    private(set) var requested: [(name: String, shape: [Int])] = []

    init(weights: (any WeightSource)?, prefix: String) {
        self.weights = weights
        self.prefix = prefix
    }

    func has(_ name: String) -> Bool { weights.map { $0.shape(of: prefix + name) != nil } ?? true }

    mutating func parameter(_ name: String, _ shape: [Int]) throws -> Parameter {
        let full = prefix + name
        requested.append((full, shape))
        guard let weights else { return Parameter(name: full, shape: shape, elements: []) }
        guard let found = weights.shape(of: full) else {
            throw Failure(.data, place: full, "the model file lacks this tensor")
        }
        // A convolution along one axis, as guided-diffusion's attention has it, lacks the last 1 of ours.
        guard found == shape || found + [1] == shape && shape.last == 1 else {
            throw Failure(.data, place: full, "has shape \(found) where the configuration asks for \(shape)")
        }
        return Parameter(name: full, shape: shape, access: { body in try weights.withFloats(full, body) })
    }

    /// The convolution `name` of the concatenated `sources`, with a bias where the file has one.
    ///
    /// - Parameters:
    ///   - segments: output channels; more than one where the output is to be taken apart.
    ///   - order: row i of the weights used is row `order[i]` of the file's.
    mutating func convolution(
        _ name: String, _ sources: Sources, segments: [Int], window: Window, options: Convolution.Options = .init(),
        order: [Int]? = nil
    ) throws -> Value {
        var options = options
        options.kernel = options.kernel ?? kernel
        let shape = window.output(of: sources.shape, segments: segments)
        let sizes = [shape.channels, sources.shape.channels, window.height, window.width]
        var weight = try parameter(name + ".weight", sizes)
        var bias = has(name + ".bias") ? try parameter(name + ".bias", [shape.channels]) : nil
        if let order {
            weight = weight.reordered(rows: order)
            bias = bias?.reordered(rows: order)
        }
        return graph.add(shape) { [weight, bias, options] in
            Convolution(sources, output: $0, window: window, weight: weight, bias: bias, options: options)
        }
    }

    /// The linear layer `name` of a vector; its weight is [out, in].
    mutating func linear(
        _ name: String, _ input: Value, segments: [Int], inputScale: Float = 1, residual: Value? = nil
    ) throws -> Value {
        let shape = MapShape(height: 1, width: 1, segments: segments)
        let weight = try parameter(name + ".weight", [shape.channels, input.shape.channels]).scaled(by: inputScale)
        let bias = has(name + ".bias") ? try parameter(name + ".bias", [shape.channels]) : nil
        return graph.add(shape) {
            Convolution(
                Sources(input), output: $0, window: Window(1), weight: weight, bias: bias,
                options: .init(residual: residual))
        }
    }

    mutating func silu(_ input: Value) -> Value { graph.add(input.shape) { SiLU(input, output: $0) } }

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

    /// Twofold resampling of each value.
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

    /// Returns the concatenation of `sources` as one value, a copy unless it is one already.
    mutating func joined(_ sources: Sources) -> Value {
        if sources.values.count == 1, sources.shape.segments.count == 1 { return sources.values[0] }
        return graph.add(Concatenation.outputShape(sources)) { Concatenation(sources, output: $0) }
    }
}
