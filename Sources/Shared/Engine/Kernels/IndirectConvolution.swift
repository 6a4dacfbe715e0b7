/// Convolution of any size, stride and padding without an im2col matrix: the inner loop takes its rows by pointer
/// straight from the image. With one tap it is a plain product, so linear layers and 1x1 convolutions run here too.
enum IndirectConvolution {
    /// Output pixels of one work item; their input stays in the second-level cache over all taps.
    private static let itemRows = 64
    /// Output pixels of one work item that has to make its panel of weights.
    private static let makingItemRows = 256

    /// Returns the floats of scratch memory that `run` needs if panels of weights are made.
    static func scratchCount(weightRows: Int, extent: PlanExtent) -> Int { extent.slots * 32 * weightRows }

    /// Convolves the concatenation of `inputs` with `weights`, whose rows are ordered by tap, then by input channel in
    /// pieces of `depth`.
    ///
    /// - Parameters:
    ///   - depth: divides every input's channel count `reads`.
    ///   - reads: channels read from each input.
    static func run(
        _ run: GraphRun, _ gathering: PixelGathering, inputs: [InputMap], reads: [Int], depth: Int,
        weights: WeightPanels, epilogue: ConvolutionEpilogue
    ) {
        let pixels = gathering.outputHeight * gathering.outputWidth
        let rowCount = run.batch * pixels
        let itemRows = weights.isMade ? makingItemRows : itemRows
        let chunks = (rowCount + itemRows - 1) / itemRows
        let panels = weights.panelCount
        let taps = gathering.window.taps * reads.reduce(0) { $0 + $1 / depth }
        precondition(taps * depth == weights.rows)
        let scratch = run.scratch
        run.parallelFor(chunks * panels) { item, slot in
            let panel = item % panels
            let firstRow = item / panels * itemRows
            let width = weights.width(ofPanel: panel)
            let matrix = weights.panel(panel, scratch: scratch + slot * 32 * weights.rows)
            withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: taps * 8) { table in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { sums in
                    guard let rows = table.baseAddress, let sums = sums.baseAddress else { return }
                    var row = firstRow
                    let end = min(firstRow + itemRows, rowCount)
                    while row < end {
                        let valid = min(8, end - row)
                        fill(rows, run, gathering, inputs, reads, depth, firstRow: row, valid: valid)
                        multiplyPanel(
                            width: width, taps: taps, rows: rows, depth: depth, panel: matrix, c: sums, ldc: width)
                        for index in 0..<valid {
                            epilogue.write(
                                sums + index * width, pixel: row + index, image: (row + index) / pixels,
                                first: panel * 32, width: width)
                        }
                        row += 8
                    }
                }
            }
        }
    }

    /// Writes the pointers of eight output pixels to `table`, [tap][input piece][8].
    private static func fill(
        _ table: UnsafeMutablePointer<FloatPointer>, _ run: GraphRun, _ gathering: PixelGathering, _ inputs: [InputMap],
        _ reads: [Int],
        _ depth: Int, firstRow: Int, valid: Int
    ) {
        let pixels = gathering.outputHeight * gathering.outputWidth
        let inputPixels = gathering.inputHeight * gathering.inputWidth
        let pieces = reads.reduce(0) { $0 + $1 / depth }
        let taps = gathering.window.taps
        for index in 0..<8 {
            let row = firstRow + min(index, valid - 1)
            let (image, pixel) = (row / pixels, row % pixels)
            let (y, x) = (pixel / gathering.outputWidth, pixel % gathering.outputWidth)
            for tap in 0..<taps {
                let source = gathering.pixel(
                    y: y, x: x, r: tap / gathering.window.width, s: tap % gathering.window.width)
                var place = tap * pieces
                for (input, count) in zip(inputs, reads) {
                    let start = source < 0 ? run.zeros : input.start + (image * inputPixels + source) * input.stride
                    for piece in 0..<count / depth {
                        table[place * 8 + index] = source < 0 ? start : start + piece * depth
                        place += 1
                    }
                }
            }
        }
    }
}
