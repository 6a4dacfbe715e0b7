import Diagnostics

/// Group norm, followed by an adaptive scale and shift, SiLU and 2x2 means if the options ask for them. For each image
/// and each group of channels,
///
///     z = gamma (x - mean) / sqrt(variance + eps) + beta,   then z (1 + scale) + shift if `adaptation` is given,
///     y = z, or z / (1 + exp(-z)) if `silu`,                then 2x2 means of y if `halves`.
///
/// Both passes see z as x A + O with one A and one O for each channel. Sums over pixels are taken in Float about the
/// first pixel's value, as sums of sums of 32 pixels, and combined in Double. With g the cotangent of z,
/// r = 1 / sqrt(variance + eps), x^ = (x - mean) r, gamma' = gamma (1 + scale) and means over a group,
///
///     cotangent of x = A g - r mean(gamma' g) - (x - mean) r^2 mean(gamma' g x^)
///
/// The pullback reads x and computes z again: four numbers for each channel are kept besides x. It writes g over the
/// output's cotangent unless `halves`.
package struct GroupNorm: Operation {
    package struct Options: Sendable {
        package var groups: Int
        package var epsilon: Float
        /// Whether x / (1 + exp(-x)) is applied to the result.
        package var silu: Bool
        /// Whether 2x2 means halve the map, after SiLU.
        package var halves: Bool
        /// Scale and shift of every channel, as in DhariwalUNet: [batch, 1, 1, segments (C, C)].
        package var adaptation: Value?

        package init(
            groups: Int, epsilon: Float, silu: Bool, halves: Bool = false, adaptation: Value? = nil
        ) {
            self.groups = groups
            self.epsilon = epsilon
            self.silu = silu
            self.halves = halves
            self.adaptation = adaptation
        }
    }

    package let sources: Sources
    package let output: Value
    let gamma: Parameter
    let beta: Parameter
    let options: Options
    /// The sources with their first columns in the concatenation.
    let parts: [Part]
    /// The place of each channel in the concatenation.
    let positions: [Int]
    private let weights = MadeOnce<FloatBuffer>()

    /// gamma and beta, [2, stride]; nil before `prepare`.
    var preparedWeights: FloatBuffer? { weights.value }

    /// Returns the output's shape. `halves` needs an even height and width.
    package static func outputShape(_ input: MapShape, halves: Bool) -> MapShape {
        precondition(!halves || input.height % 2 == 0 && input.width % 2 == 0)
        return halves
            ? MapShape(height: input.height / 2, width: input.width / 2, segments: input.segments) : input
    }

    package init(_ sources: Sources, output: Value, gamma: Parameter, beta: Parameter, options: Options) {
        precondition(output.shape == Self.outputShape(sources.shape, halves: options.halves))
        precondition(sources.shape.channels % options.groups == 0)
        self.sources = sources
        self.output = output
        self.gamma = gamma
        self.beta = beta
        self.options = options
        positions = sources.shape.positions
        var first = 0
        parts = sources.values.enumerated().map { index, value in
            defer { first += value.shape.stride }
            return Part(index: index, value: value, first: first)
        }
    }

    struct Part: Sendable {
        let index: Int
        let value: Value
        let first: Int
    }

    package var kind: LayerKind { .normalization }
    package var inputs: [Value] { sources.values + [options.adaptation].compactMap { $0 } }
    package var pullbackReadsInputs: Bool { true }
    package func overwrites(pullback: Bool) -> [MemoryBuffer] {
        pullback && !options.halves ? [.cotangent(output)] : []
    }

    var stride: Int { sources.shape.stride }
    /// A, O, mean and r of each channel: [4, stride] for each image.
    package var savedCount: Int { 4 * stride }

    package func scratchCount(_ extent: PlanExtent, pullback: Bool) -> Int {
        // Two sums for each channel; the pullback also has two coefficients, and g if the map is halved.
        guard pullback else { return extent.batch * 2 * stride }
        return extent.batch * (4 * stride + sources.shape.count)
    }

    package func prepare(pullback: Bool) throws {
        try weights.prepare {
            let (gamma, beta) = (try gamma.load(), try beta.load())
            let buffer = FloatBuffer(zeros: 2 * stride)
            for (channel, position) in sources.shape.positions.enumerated() {
                buffer.start[position] = gamma[channel]
                buffer.start[stride + position] = beta[channel]
            }
            return buffer
        }
    }

    // MARK: - Forward

    package func forward(_ run: GraphRun) {
        for part in parts { sums(run, part.value, first: part.first) }
        guard let weights = weights.value else { preconditionFailure("\(gamma.name) was not prepared") }
        for image in 0..<run.batch { finish(run, image, weights) }
        for part in parts { apply(run, part.value, first: part.first) }
    }

    /// Sums x - x_0 and its square over each channel's pixels, where x_0 is the first pixel, into the scratch memory,
    /// [batch][2][stride].
    private func sums(_ run: GraphRun, _ value: Value, first: Int) {
        let (own, pixels) = (value.shape.stride, value.shape.pixels)
        let blocks = own / lanes
        let input = FloatPointer(run.activations(value))
        run.parallelFor(run.batch * blocks) { item, _ in
            let (image, column) = (item / blocks, item % blocks * lanes)
            let start = input + image * value.shape.count + column
            let origin = load(start)
            var sum = FloatVector.zero, squares = FloatVector.zero
            var pixel = 0
            while pixel < pixels {
                let end = min(pixel + 32, pixels)
                var partSum = FloatVector.zero, partSquares = FloatVector.zero
                while pixel < end {
                    let x = load(start + pixel * own) - origin
                    partSum += x
                    partSquares = multiplyAdd(partSquares, x, x)
                    pixel += 1
                }
                sum += partSum
                squares += partSquares
            }
            let target = run.scratch + image * 2 * stride + first + column
            store(sum, target)
            store(squares, target + stride)
        }
    }

    /// Computes the mean and variance of each group of one image, and from them A, O, mean and r of each channel.
    private func finish(_ run: GraphRun, _ image: Int, _ weights: FloatBuffer) {
        let sums = run.scratch + image * 2 * stride
        let saved = run.saved + image * savedCount
        saved.update(repeating: 0, count: savedCount)
        for part in parts {
            // The place of A holds the first pixel, about which the sums were taken, until A is written.
            let first = run.activations(part.value) + image * part.value.shape.count
            (saved + part.first).update(from: first, count: part.value.shape.stride)
        }
        let size = positions.count / options.groups
        let pixels = Double(sources.shape.pixels)
        for group in 0..<options.groups {
            let range = group * size..<(group + 1) * size
            var mean = 0.0
            for position in positions[range] { mean += Double(saved[position]) + Double(sums[position]) / pixels }
            mean /= Double(size)
            var squares = 0.0
            for position in positions[range] {
                let (sum, square) = (Double(sums[position]), Double(sums[stride + position]))
                let distance = Double(saved[position]) - mean
                squares += square + 2 * distance * sum + pixels * distance * distance
            }
            let r = 1 / (max(squares, 0) / (pixels * Double(size)) + Double(options.epsilon)).squareRoot()
            for channel in range {
                let position = positions[channel]
                var gamma = Double(weights.start[position]), beta = Double(weights.start[stride + position])
                if let (scale, shift) = adaptation(run, image, channel: channel) {
                    gamma *= 1 + Double(scale)
                    beta = beta * (1 + Double(scale)) + Double(shift)
                }
                saved[position] = Float(gamma * r)
                saved[stride + position] = Float(beta - mean * gamma * r)
                saved[2 * stride + position] = Float(mean)
                saved[3 * stride + position] = Float(r)
            }
        }
    }

    /// Returns the adaptive scale and shift of one channel.
    private func adaptation(_ run: GraphRun, _ image: Int, channel: Int) -> (scale: Float, shift: Float)? {
        guard let value = options.adaptation else { return nil }
        let start = run.activations(value) + image * value.shape.stride
        let half = value.shape.stride / 2
        return (start[channel], start[half + channel])
    }

    /// Writes the normalized and activated map of one source.
    private func apply(_ run: GraphRun, _ value: Value, first: Int) {
        let own = value.shape.stride
        let input = FloatPointer(run.activations(value)), target = run.activations(output)
        let (height, width) = (output.shape.height, output.shape.width)
        let inputWidth = value.shape.width
        run.parallelFor(run.batch * height) { row, _ in
            let image = row / height
            let a = FloatPointer(run.saved + image * savedCount + first), o = a + stride
            for x in 0..<width {
                let place = target + (row * width + x) * stride + first
                let pixel =
                    options.halves
                    ? input + image * value.shape.count + (2 * (row % height) * inputWidth + 2 * x) * own
                    : input + (row * width + x) * own
                var k = 0
                while k < own {
                    let (scale, offset) = (load(a + k), load(o + k))
                    var y = activate(load(pixel + k), scale, offset)
                    if options.halves {
                        let below = pixel + inputWidth * own + k
                        let right = activate(load(pixel + own + k), scale, offset)
                        let bottom = activate(load(below), scale, offset) + activate(load(below + own), scale, offset)
                        y = FloatVector(repeating: 0.25) * ((y + right) + bottom)
                    }
                    store(y, place + k)
                    k += lanes
                }
            }
        }
    }

    @inline(__always)
    private func activate(_ x: FloatVector, _ scale: FloatVector, _ offset: FloatVector) -> FloatVector {
        let z = multiplyAdd(offset, x, scale)
        return options.silu ? z * logistic(z) : z
    }
}
