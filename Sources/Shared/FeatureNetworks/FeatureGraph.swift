import Engine
import Formats
import Tensors

/// Builds the graph of a plain convolutional network, layer by layer, from weights under the names of their file.
struct FeatureGraph {
    private(set) var graph = Graph()
    let weights: any WeightSource
    /// Overrides the layers' own choice.
    private let kernel: ConvolutionKernel?

    init(weights: any WeightSource, kernel: ConvolutionKernel? = nil) {
        self.weights = weights
        self.kernel = kernel
    }

    mutating func input(_ shape: MapShape) -> Value { graph.input(shape) }

    /// `name.weight` and `name.bias` over `sources` side by side, then max(., 0).
    mutating func convolution(_ sources: [Value], _ name: String, channels: Int, _ window: Window) -> Value {
        convolution(
            sources, channels: channels, window, weight: parameter("\(name).weight", for: sources, channels, window),
            bias: parameter("\(name).bias", shape: [channels]))
    }

    mutating func convolution(
        _ sources: [Value], channels: Int, _ window: Window, weight: Parameter, bias: Parameter,
        rectifies: Bool = true
    ) -> Value {
        let (joined, kernel) = (Sources(sources), kernel)
        return graph.add(window.output(of: joined.shape, segments: [channels])) {
            Convolution(
                joined, output: $0, window: window, weight: weight, bias: bias,
                options: Convolution.Options(rectifies: rectifies, kernel: kernel))
        }
    }

    mutating func pooling(
        _ kind: Pooling.Kind, _ window: PoolingWindow, of input: Value, rectifies: Bool = false
    ) -> Value {
        graph.add(window.output(of: input.shape)) {
            Pooling(input, output: $0, window: window, kind: kind, rectifies: rectifies)
        }
    }

    mutating func globalMean(_ input: Value) -> Value {
        graph.add(GlobalMean.outputShape(input.shape)) { GlobalMean(input, output: $0) }
    }

    /// The weights `name` of a convolution over these sources.
    func parameter(_ name: String, for sources: [Value], _ channels: Int, _ window: Window) -> Parameter {
        parameter(name, shape: [channels, Sources(sources).shape.channels, window.height, window.width])
    }

    func parameter(_ name: String, shape: [Int]) -> Parameter {
        let weights = weights
        return Parameter(name: name, shape: shape) { try weights.floats(name) }
    }
}
