/// The window of a pooling layer, with PyTorch's rules for sizes.
package struct PoolingWindow: Sendable, Hashable {
    package var size: Int
    package var stride: Int
    package var padding: Int
    /// A last window that starts inside the map (or its left padding) but runs over its end counts too.
    package var ceils: Bool

    package init(size: Int, stride: Int, padding: Int = 0, ceils: Bool = false) {
        self.size = size
        self.stride = stride
        self.padding = padding
        self.ceils = ceils
    }

    package func output(of input: MapShape) -> MapShape {
        func length(_ n: Int) -> Int {
            let span = n + 2 * padding - size
            var count = (span + (ceils ? stride - 1 : 0)) / stride + 1
            if ceils, (count - 1) * stride >= n + padding { count -= 1 }
            return count
        }
        return MapShape(height: length(input.height), width: length(input.width), segments: input.segments)
    }

    /// The input places along one axis that output place `i` covers.
    @inline(__always)
    func covered(_ i: Int, length: Int) -> Range<Int> {
        let start = i * stride - padding
        return max(start, 0)..<max(min(start + size, length), 0)
    }
}

/// Maximum or mean over windows of each channel.
///
/// The maximum's cotangent goes to the first place of the window that holds it, row by row, as PyTorch's does.
package struct Pooling: Operation {
    package enum Kind: Sendable {
        case maximum
        /// Divided by the window's size; without `countsPadding` by the places inside the map.
        case mean(countsPadding: Bool)
    }

    package let input: Value
    package let output: Value
    let window: PoolingWindow
    let pooling: Kind
    /// Negative results become 0.
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

    /// What a mean's sum is multiplied by.
    private func share(y: Int, x: Int) -> Float {
        guard case .mean(let countsPadding) = pooling else { return 1 }
        guard countsPadding else {
            let rows = window.covered(y, length: input.shape.height).count
            return 1 / Float(max(rows * window.covered(x, length: input.shape.width).count, 1))
        }
        // With ceiling, what lies past the right padding is no part of the window.
        func length(_ i: Int, _ size: Int) -> Int {
            let start = i * window.stride - window.padding
            return min(start + window.size, size + window.padding) - start
        }
        return 1 / Float(length(y, input.shape.height) * length(x, input.shape.width))
    }

    package func forward(_ run: Run) {
        let source = Source(run.activations(input)), target = run.activations(output)
        let stride = input.shape.stride
        run.parallelFor(run.batch * output.shape.height) { line, _ in
            let (image, y) = (line / output.shape.height, line % output.shape.height)
            let start = source + image * input.shape.count
            let rows = window.covered(y, length: input.shape.height)
            for x in 0..<output.shape.width {
                let columns = window.covered(x, length: input.shape.width)
                let place = target + (line * output.shape.width + x) * stride
                let factor = Vector(repeating: share(y: y, x: x))
                for k in Swift.stride(from: 0, to: stride, by: lanes) {
                    var result = Vector(repeating: isMaximum ? -Float.infinity : 0)
                    for i in rows {
                        for j in columns {
                            let value = load(start + (i * input.shape.width + j) * stride + k)
                            result =
                                isMaximum
                                ? result.replacing(with: value, where: value .> result) : result + value
                        }
                    }
                    if !isMaximum { result *= factor }
                    if rectifies { result.replace(with: Vector.zero, where: result .< Vector.zero) }
                    store(result, place + k)
                }
            }
        }
    }

    package func pullback(_ run: Run) {
        guard let (target, adds) = run.delivery(0, of: input) else { return }
        let blocks = input.shape.stride / lanes
        run.parallelFor(run.batch * blocks) { item, _ in
            let (image, column) = (item / blocks, item % blocks * lanes)
            let start = target + image * input.shape.count + column
            if !adds {
                for pixel in 0..<input.shape.pixels { store(Vector.zero, start + pixel * input.shape.stride) }
            }
            for pixel in 0..<output.shape.pixels {
                scatter(run, image, column, y: pixel / output.shape.width, x: pixel % output.shape.width, start)
            }
        }
    }

    /// Adds the cotangent of one output pixel, 16 channels, to the window it came from.
    private func scatter(_ run: Run, _ image: Int, _ column: Int, y: Int, x: Int, _ target: Pointer) {
        let stride = input.shape.stride
        let place = image * output.shape.count + (y * output.shape.width + x) * stride + column
        var cotangent = load(run.cotangent(output) + place)
        let source = Source(run.activations(input)) + image * input.shape.count + column
        let value = isMaximum || rectifies ? load(run.activations(output) + place) : Vector.zero
        if rectifies { cotangent.replace(with: Vector.zero, where: value .<= Vector.zero) }
        if !isMaximum { cotangent *= Vector(repeating: share(y: y, x: x)) }
        for i in window.covered(y, length: input.shape.height) {
            for j in window.covered(x, length: input.shape.width) {
                let offset = (i * input.shape.width + j) * stride
                guard isMaximum else {
                    store(load(target + offset) + cotangent, target + offset)
                    continue
                }
                let isHere = load(source + offset) .== value
                store(load(target + offset) + Vector.zero.replacing(with: cotangent, where: isHere), target + offset)
                cotangent = cotangent.replacing(with: Vector.zero, where: isHere)
            }
        }
    }
}

/// The mean over all pixels of each channel: a vector of features.
package struct GlobalMean: Operation {
    package let input: Value
    package let output: Value

    package static func outputShape(_ input: MapShape) -> MapShape {
        MapShape(height: 1, width: 1, segments: input.segments)
    }

    package init(_ input: Value, output: Value) {
        precondition(output.shape == Self.outputShape(input.shape))
        self.input = input
        self.output = output
    }

    package var kind: LayerKind { .other }
    package var inputs: [Value] { [input] }

    package func forward(_ run: Run) {
        Elementwise.sumPixels(
            run, Source(run.activations(input)), shape: input.shape, scale: 1 / Float(input.shape.pixels),
            target: run.activations(output), adds: false)
    }

    package func pullback(_ run: Run) {
        guard let (target, adds) = run.delivery(0, of: input) else { return }
        let cotangent = run.cotangent(output)
        let (stride, pixels) = (input.shape.stride, input.shape.pixels)
        let share = Vector(repeating: 1 / Float(pixels))
        run.parallelFor(run.batch) { image, _ in
            for pixel in 0..<pixels {
                let place = target + (image * pixels + pixel) * stride
                for k in Swift.stride(from: 0, to: stride, by: lanes) {
                    let value = share * load(cotangent + image * stride + k)
                    store(adds ? value + load(place + k) : value, place + k)
                }
            }
        }
    }
}
