import Engine

/// The residual block that SongUNet and DhariwalUNet share (docs/methods/networks.md, "Residual block").
struct UNetBlock {
    enum Resampling { case none, larger, smaller }

    var name: String
    var channels: Int
    var resampling = Resampling.none
    var attends = false

    /// Returns the blocks that begin a level of the decoder: two at the bottom, one that enlarges above it.
    static func entrance(_ name: String, channels: Int, isBottom: Bool) -> [UNetBlock] {
        guard isBottom else { return [UNetBlock(name: "\(name)_up", channels: channels, resampling: .larger)] }
        return [
            UNetBlock(name: "\(name)_in0", channels: channels, attends: true),
            UNetBlock(name: "\(name)_in1", channels: channels),
        ]
    }

    /// The properties in which the two networks differ.
    struct Style {
        /// The block's output is skipScale (h + skip(x)).
        var skipScale: Float
        var epsilon: Float
        /// Whether the embedding scales and shifts the output of the second norm; else it is added before the norm.
        var adaptive: Bool
        var filter: [Double]
        /// Whether the shortcut of a resampling block has a 1x1 convolution even if the number of channels stays the
        /// same.
        var projectsResampled: Bool
        /// The number of heads of attention for a number of channels; 0 for no attention.
        var heads: @Sendable (_ channels: Int) -> Int
    }

    static func groups(_ channels: Int) -> Int { min(32, channels / 4) }

    func build(_ builder: inout NetworkBuilder, _ x: Sources, embedding: Value, style: Style) throws -> Value {
        let parameters = try builder.linear(
            "\(name).affine", embedding, segments: style.adaptive ? [channels, channels] : [channels])
        let activated = try resampled(&builder, x, style: style)
        var h = try builder.convolution(
            "\(name).conv0", Sources(activated), segments: [channels],
            window: Window(3, upsamples: resampling == .larger && style.filter == [1, 1]),
            options: .init(imageBias: style.adaptive ? nil : parameters))
        let second = GroupNorm.Options(
            groups: Self.groups(channels), epsilon: style.epsilon, silu: true,
            adaptation: style.adaptive ? parameters : nil)
        h = try builder.groupNorm("\(name).norm1", Sources(h), options: second)
        let shortcut = try self.shortcut(&builder, x, style: style)
        let y = try builder.convolution(
            "\(name).conv1", Sources(h), segments: [channels], window: Window(3),
            options: .init(residual: shortcut, scale: style.skipScale))
        return try attention(&builder, y, style: style)
    }

    /// Returns silu(norm0 x), resampled. Enlarging by repetition is left to the convolution that follows.
    private func resampled(_ builder: inout NetworkBuilder, _ x: Sources, style: Style) throws -> Value {
        let repeats = style.filter == [1, 1]
        let options = GroupNorm.Options(
            groups: Self.groups(x.shape.channels), epsilon: style.epsilon, silu: true,
            halves: resampling == .smaller && repeats)
        let h = try builder.groupNorm("\(name).norm0", x, options: options)
        if resampling == .none || repeats { return h }
        return builder.resample(
            Sources(h), resampling == .larger ? .larger : .smaller, filter: style.filter
        ).values[0]
    }

    private func shortcut(_ builder: inout NetworkBuilder, _ x: Sources, style: Style) throws -> Value {
        let changes = x.shape.channels != channels
        if resampling == .none, !changes { return builder.joined(x) }
        let projects = changes || style.projectsResampled
        if resampling == .larger, style.filter == [1, 1], projects {
            return try builder.convolution(
                "\(name).skip", x, segments: [channels], window: Window(1, upsamples: true))
        }
        var x = x
        if resampling != .none {
            x = builder.resample(x, resampling == .larger ? .larger : .smaller, filter: style.filter)
        }
        guard projects else { return builder.joined(x) }
        return try builder.convolution("\(name).skip", x, segments: [channels], window: Window(1))
    }

    private func attention(_ builder: inout NetworkBuilder, _ y: Value, style: Style) throws -> Value {
        let heads = attends ? style.heads(channels) : 0
        guard heads > 0 else { return y }
        let options = GroupNorm.Options(groups: Self.groups(channels), epsilon: style.epsilon, silu: false)
        let normalized = try builder.groupNorm("\(name).norm2", Sources(y), options: options)
        // The order of channels in the file is (head, channel, q/k/v); ours is q, k, v, each (head, channel).
        let order = (0..<3).flatMap { part in (0..<channels).map { $0 * 3 + part } }
        let qkv = try builder.convolution(
            "\(name).qkv", Sources(normalized), segments: [channels, channels, channels], window: Window(1),
            order: order)
        let mixed = builder.graph.add(y.shape) { Attention(qkv, output: $0, heads: heads) }
        return try builder.convolution(
            "\(name).proj", Sources(mixed), segments: [channels], window: Window(1),
            options: .init(residual: y, scale: style.skipScale))
    }
}
