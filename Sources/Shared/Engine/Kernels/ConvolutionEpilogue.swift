import CProcessor

/// The last arithmetic of a convolution, done while its sums are written to memory:
///
///     y = scale (sum + bias + image bias + residual), then max(y, 0) if `rectifies`, then added to the target if
///     `adds`
struct ConvolutionEpilogue {
    /// [columns]
    var bias: FloatPointer?
    /// [batch, columns]: one vector for each image (the time embedding).
    var imageBias: FloatPointer?
    /// Laid out as the target.
    var residual: FloatPointer?
    var scale: Float = 1
    var rectifies = false
    var adds = false
    var target: MutableFloatPointer
    /// Floats from one pixel of the target to the next.
    var stride: Int

    /// Writes `width` columns (a multiple of 16) of one pixel, from column `first` on.
    ///
    /// - Parameters:
    ///   - pixel: the pixel's number in the whole batch.
    @inline(__always)
    func write(_ sums: FloatPointer, pixel: Int, image: Int, first: Int, width: Int) {
        var column = 0
        while column < width {
            write(load(sums + column), pixel: pixel, image: image, column: first + column)
            column += lanes
        }
    }

    /// Asks for what `write` reads and writes of one pixel, to be had in cache soon.
    @inline(__always)
    func prefetch(pixel: Int, first: Int, width: Int) {
        for column in Swift.stride(from: first, to: first + width, by: lanes) {
            processor_prefetch(target + pixel * stride + column)
            if let residual { processor_prefetch(residual + pixel * stride + column) }
        }
    }

    /// Writes one vector, 16 columns from `column` on.
    @inline(__always)
    func write(_ sum: FloatVector, pixel: Int, image: Int, column: Int) {
        var y = sum
        let offset = pixel * stride + column
        if let bias { y += load(bias + column) }
        if let imageBias { y += load(imageBias + image * stride + column) }
        if let residual { y += load(residual + offset) }
        y *= FloatVector(repeating: scale)
        if rectifies { y = y.replacing(with: FloatVector.zero, where: y .< FloatVector.zero) }
        if adds { y += load(target + offset) }
        store(y, target + offset)
    }
}
