/// Computes a convolution by its formula in Double, against which every fast kernel is measured.
package enum NaiveConvolution {
    /// x [B, C, H, W], weight [N, C, R, S] -> [B, N, H', W'], in row-major order; `upsamples` repeats pixels first.
    package static func convolve(
        _ x: [Double], batch: Int, channels: Int, height: Int, width: Int, weight: [Double], outputs: Int,
        window: (height: Int, width: Int), stride: Int, padding: (height: Int, width: Int), upsamples: Bool
    ) -> [Double] {
        let (h, w) = upsamples ? (2 * height, 2 * width) : (height, width)
        let outHeight = (h + 2 * padding.height - window.height) / stride + 1
        let outWidth = (w + 2 * padding.width - window.width) / stride + 1
        var result = [Double](repeating: 0, count: batch * outputs * outHeight * outWidth)
        for b in 0..<batch {
            for n in 0..<outputs {
                for y in 0..<outHeight {
                    for z in 0..<outWidth {
                        var sum = 0.0
                        for r in 0..<window.height {
                            for s in 0..<window.width {
                                let (i, j) = (y * stride + r - padding.height, z * stride + s - padding.width)
                                guard i >= 0, j >= 0, i < h, j < w else { continue }
                                let (row, column) = upsamples ? (i / 2, j / 2) : (i, j)
                                for c in 0..<channels {
                                    sum +=
                                        x[((b * channels + c) * height + row) * width + column]
                                        * weight[((n * channels + c) * window.height + r) * window.width + s]
                                }
                            }
                        }
                        result[((b * outputs + n) * outHeight + y) * outWidth + z] = sum
                    }
                }
            }
        }
        return result
    }
}
