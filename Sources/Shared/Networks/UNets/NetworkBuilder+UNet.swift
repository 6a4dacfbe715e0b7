import Engine

// This file builds what all three U-Nets have: the inputs, the embedding of the noise level, and the levels.

extension NetworkBuilder {
    /// Returns the image, the noise level in the network's own terms, and the classes if the network has some.
    mutating func inputs(of configuration: NetworkConfiguration) -> (image: Value, noise: Value, labels: Value?) {
        let (size, classes) = (configuration.imageResolution, configuration.labelDimension)
        let image = graph.input(MapShape(height: size, width: size, channels: configuration.imageChannels))
        let noise = graph.input(MapShape(features: 1))
        return (image, noise, classes > 0 ? graph.input(MapShape(features: classes)) : nil)
    }

    /// Adds the sines and cosines of the noise level at DDPM's frequencies.
    ///
    /// - Parameter rounded: whether the frequencies are rounded to Float, as the reference implementations of the pixel
    ///   networks round them.
    mutating func positionalEmbedding(
        _ noise: Value, features: Int, endpoint: Bool, sinesFirst: Bool, rounded: Bool = true
    ) -> Value {
        let frequencies = SinusoidalEmbedding.positionalFrequencies(features: features, endpoint: endpoint)
        return sinusoids(
            noise, .exact(rounded ? frequencies.map { Double(Float($0)) } : frequencies), sinesFirst: sinesFirst)
    }

    mutating func sinusoids(_ noise: Value, _ frequencies: SinusoidalEmbedding.Frequencies, sinesFirst: Bool) -> Value {
        graph.add(MapShape(features: 2 * frequencies.count)) {
            SinusoidalEmbedding(noise, output: $0, frequencies: frequencies, sinesFirst: sinesFirst)
        }
    }
}

extension NetworkConfiguration {
    /// The height and the width of the maps of a level.
    func resolution(_ level: Int) -> Int { imageResolution >> level }

    func attends(_ level: Int) -> Bool { attentionResolutions.contains(resolution(level)) }
}
