import Engine
import Networks

extension NetworkBuilder {
    /// Adds the convolution `name` over `sources` side by side, with its bias, then max(., 0).
    mutating func rectified(_ name: String, _ sources: [Value], channels: Int, _ window: Window) throws -> Value {
        let joined = Sources(sources)
        let weight = try kernelWeights("\(name).weight", for: joined, channels: channels, window)
        return convolution(
            joined, segments: [channels], window: window, weight: weight,
            bias: try parameter("\(name).bias", [channels]), options: .init(rectifies: true))
    }
}
