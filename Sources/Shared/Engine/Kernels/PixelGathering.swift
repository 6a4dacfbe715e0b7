/// A map that a convolution reads.
struct InputMap {
    var start: FloatPointer
    /// Floats from one pixel to the next.
    var stride: Int
}

/// The input pixels that each output pixel of a (transposed) convolution reads, as a formula instead of a table. Rows
/// of pointers are made from it, eight at a time.
///
///     forward:    output (y, x) reads input (stride y - padding + r, stride x - padding + s) for tap (r, s)
///     transposed: output (y, x) reads input ((y + padding - r) / stride, ...) if the division has no remainder
struct PixelGathering {
    var window: Window
    var transposed: Bool
    /// Size of the map that is read, before enlargement.
    var inputHeight: Int
    var inputWidth: Int
    var outputHeight: Int
    var outputWidth: Int

    /// Returns the input pixel's coordinate for one tap along one axis, or -1 in the padding.
    @inline(__always)
    private func coordinate(_ position: Int, tap: Int, padding: Int, size: Int) -> Int {
        if transposed {
            let shifted = position + padding - tap
            guard shifted >= 0, shifted % window.stride == 0 else { return -1 }
            let result = shifted / window.stride
            return result < size ? result : -1
        }
        let result = position * window.stride + tap - padding
        let slidingSize = window.upsamples ? 2 * size : size
        guard result >= 0, result < slidingSize else { return -1 }
        return window.upsamples ? result >> 1 : result
    }

    /// Returns the number of the input pixel that output pixel (y, x) reads for tap (r, s), or -1 in the padding.
    @inline(__always)
    func pixel(y: Int, x: Int, r: Int, s: Int) -> Int {
        let row = coordinate(y, tap: r, padding: window.paddingHeight, size: inputHeight)
        guard row >= 0 else { return -1 }
        let column = coordinate(x, tap: s, padding: window.paddingWidth, size: inputWidth)
        return column < 0 ? -1 : row * inputWidth + column
    }
}

extension PixelGathering {
    /// Returns the input pixel at row `y` and column `x` of the padded map, or -1 in the padding, for stride 1.
    ///
    /// A transposed convolution slides over its input with padding 2 - p, and its weights are flipped.
    @inline(__always)
    func windowPixel(y: Int, x: Int) -> Int {
        let row = y - (transposed ? 2 - window.paddingHeight : window.paddingHeight)
        let column = x - (transposed ? 2 - window.paddingWidth : window.paddingWidth)
        let doubles = window.upsamples && !transposed
        guard row >= 0, column >= 0, row < (doubles ? 2 * inputHeight : inputHeight),
            column < (doubles ? 2 * inputWidth : inputWidth)
        else { return -1 }
        return doubles ? (row >> 1) * inputWidth + (column >> 1) : row * inputWidth + column
    }
}
