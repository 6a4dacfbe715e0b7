/// The window of a pooling layer, with PyTorch's rules for sizes.
package struct PoolingWindow: Sendable, Hashable {
    package var size: Int
    package var stride: Int
    package var padding: Int
    /// Whether a last window that starts inside the map or its left padding, but runs over its end, counts too.
    package var ceils: Bool

    package init(size: Int, stride: Int, padding: Int = 0, ceils: Bool = false) {
        self.size = size
        self.stride = stride
        self.padding = padding
        self.ceils = ceils
    }

    /// Returns the shape of the pooled map.
    package func output(of input: MapShape) -> MapShape {
        func length(_ n: Int) -> Int {
            let span = n + 2 * padding - size
            var count = (span + (ceils ? stride - 1 : 0)) / stride + 1
            if ceils, (count - 1) * stride >= n + padding { count -= 1 }
            return count
        }
        return MapShape(height: length(input.height), width: length(input.width), segments: input.segments)
    }

    /// Returns the input places along one axis that output place `i` covers.
    @inline(__always)
    func covered(_ i: Int, length: Int) -> Range<Int> {
        let start = i * stride - padding
        return max(start, 0)..<max(min(start + size, length), 0)
    }
}

/// The maximum or the mean over windows of each channel.
///
/// The cotangent of a maximum goes to the first place of the window, row by row, that holds the maximum, as in PyTorch.
package struct Pooling: Operation {
    package enum Kind: Sendable {
        case maximum
        /// The sum divided by the window's size, or by the number of its places inside the map unless `countsPadding`.
        case mean(countsPadding: Bool)
    }

    package let input: Value
    package let output: Value
    let window: PoolingWindow
    let pooling: Kind
    /// Whether negative results become 0.
    let rectifies: Bool

    package init(_ input: Value, output: Value, window: PoolingWindow, kind: Kind, rectifies: Bool = false) {
        precondition(output.shape == window.output(of: input.shape))
        self.input = input
        self.output = output
        self.window = window
        self.rectifies = rectifies
        pooling = kind
    }

    package var kind: LayerKind { .other }
    package var inputs: [Value] { [input] }
    private var isMaximum: Bool { if case .maximum = pooling { true } else { false } }
    package var pullbackReadsInputs: Bool { isMaximum }
    package var pullbackReadsOutput: Bool { isMaximum || rectifies }

    /// Returns the factor of a mean's sum.
    private func share(y: Int, x: Int) -> Float {
        guard case .mean(let countsPadding) = pooling else { return 1 }
        guard countsPadding else {
            let rows = window.covered(y, length: input.shape.height).count
            return 1 / Float(max(rows * window.covered(x, length: input.shape.width).count, 1))
        }
        // With `ceils`, places past the right padding are no part of the window.
        func length(_ i: Int, _ size: Int) -> Int {
            let start = i * window.stride - window.padding
            return min(start + window.size, size + window.padding) - start
        }
        return 1 / Float(length(y, input.shape.height) * length(x, input.shape.width))
    }

    package func forward(_ run: GraphRun) {
        let source = FloatPointer(run.activations(input)), target = run.activations(output)
        let stride = input.shape.stride
        run.parallelFor(run.batch * output.shape.height) { line, _ in
            let (image, y) = (line / output.shape.height, line % output.shape.height)
            let start = source + image * input.shape.count
            let rows = window.covered(y, length: input.shape.height)
            for x in 0..<output.shape.width {
                let columns = window.covered(x, length: input.shape.width)
                let place = target + (line * output.shape.width + x) * stride
                let factor = FloatVector(repeating: share(y: y, x: x))
                for k in Swift.stride(from: 0, to: stride, by: lanes) {
                    var result = FloatVector(repeating: isMaximum ? -Float.infinity : 0)
                    for i in rows {
                        for j in columns {
                            let value = load(start + (i * input.shape.width + j) * stride + k)
                            result =
                                isMaximum
                                ? result.replacing(with: value, where: value .> result) : result + value
                        }
                    }
                    if !isMaximum { result *= factor }
                    if rectifies { result.replace(with: FloatVector.zero, where: result .< FloatVector.zero) }
                    store(result, place + k)
                }
            }
        }
    }

    package func pullback(_ run: GraphRun) {
        guard let (target, adds) = run.delivery(0, of: input) else { return }
        let blocks = input.shape.stride / lanes
        run.parallelFor(run.batch * blocks) { item, _ in
            let (image, column) = (item / blocks, item % blocks * lanes)
            let start = target + image * input.shape.count + column
            if !adds {
                for pixel in 0..<input.shape.pixels { store(FloatVector.zero, start + pixel * input.shape.stride) }
            }
            for pixel in 0..<output.shape.pixels {
                scatter(run, image, column, y: pixel / output.shape.width, x: pixel % output.shape.width, start)
            }
        }
    }

    /// Adds the cotangent of 16 channels of one output pixel to the pixels of its window.
    private func scatter(_ run: GraphRun, _ image: Int, _ column: Int, y: Int, x: Int, _ target: MutableFloatPointer) {
        let stride = input.shape.stride
        let place = image * output.shape.count + (y * output.shape.width + x) * stride + column
        var cotangent = load(run.cotangent(output) + place)
        let source = FloatPointer(run.activations(input)) + image * input.shape.count + column
        let value = isMaximum || rectifies ? load(run.activations(output) + place) : FloatVector.zero
        if rectifies { cotangent.replace(with: FloatVector.zero, where: value .<= FloatVector.zero) }
        if !isMaximum { cotangent *= FloatVector(repeating: share(y: y, x: x)) }
        for i in window.covered(y, length: input.shape.height) {
            for j in window.covered(x, length: input.shape.width) {
                let offset = (i * input.shape.width + j) * stride
                guard isMaximum else {
                    store(load(target + offset) + cotangent, target + offset)
                    continue
                }
                let isHere = load(source + offset) .== value
                store(
                    load(target + offset) + FloatVector.zero.replacing(with: cotangent, where: isHere), target + offset)
                cotangent = cotangent.replacing(with: FloatVector.zero, where: isHere)
            }
        }
    }
}
