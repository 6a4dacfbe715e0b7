/// What happens to a product on its way to memory:
///
///     y = scale (sum + bias + image bias + residual), then max(y, 0) if rectified, then added to the target if `adds`
struct Epilogue {
    /// [columns]
    var bias: Source?
    /// [batch, columns]: one vector an image (the time embedding).
    var imageBias: Source?
    /// In the target's own layout.
    var residual: Source?
    var scale: Float = 1
    var rectifies = false
    var adds = false
    var target: Pointer
    /// Floats from one pixel of the target to the next.
    var stride: Int

    /// Writes `width` columns (a multiple of 16) from column `first` of one pixel.
    ///
    /// - Parameters:
    ///   - pixel: number of the pixel in the whole batch.
    @inline(__always)
    func write(_ sums: Source, pixel: Int, image: Int, first: Int, width: Int) {
        var column = 0
        while column < width {
            write(load(sums + column), pixel: pixel, image: image, column: first + column)
            column += lanes
        }
    }

    /// The same for one vector.
    @inline(__always)
    func write(_ sum: Vector, pixel: Int, image: Int, column: Int) {
        var y = sum
        let offset = pixel * stride + column
        if let bias { y += load(bias + column) }
        if let imageBias { y += load(imageBias + image * stride + column) }
        if let residual { y += load(residual + offset) }
        y *= Vector(repeating: scale)
        if rectifies { y = y.replacing(with: Vector.zero, where: y .< Vector.zero) }
        if adds { y += load(target + offset) }
        store(y, target + offset)
    }
}
