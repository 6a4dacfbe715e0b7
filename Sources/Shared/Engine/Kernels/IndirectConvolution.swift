/// Convolution of any size, stride and padding without an im2col matrix: the inner loop takes its rows by pointer
/// straight from the image. With one tap it is a plain product, so linear layers and 1x1 convolutions run here too.
///
/// A work item computes a few panels of output channels for some hundred output pixels. It goes through each panel in
/// blocks that fit the first-level cache, and takes each block to all its pixels; their input stays in the second-level
/// cache meanwhile.
struct IndirectConvolution {
    let run: GraphRun
    let gathering: PixelGathering
    let inputs: [InputMap]
    /// Channels read from each input.
    let reads: [Int]
    /// Rows are ordered by tap, then by input channel.
    let weights: WeightPanels
    let epilogue: ConvolutionEpilogue
    /// Channels of a step, which is what one tap reads of one input or of a part of it.
    private let depth: Int
    private let steps: Int

    /// The most rows of weights that go to all pixels of an item before the next do: 20 KiB.
    private static let blockRows = 160
    /// Floats of input that an item reads, if these are some output pixels' worth.
    private static let itemFloats = 1 << 17
    /// The most panels of an item, which share the pointers to its rows.
    private static let mostPanels = 4

    init(
        _ run: GraphRun, _ gathering: PixelGathering, inputs: [InputMap], reads: [Int], weights: WeightPanels,
        epilogue: ConvolutionEpilogue
    ) {
        self.run = run
        self.gathering = gathering
        self.inputs = inputs
        self.reads = reads
        self.weights = weights
        self.epilogue = epilogue
        depth = Self.stepDepth(reads)
        steps = gathering.window.taps * reads.reduce(0, +) / depth
        precondition(steps * depth == weights.rows)
    }

    /// Returns the floats of scratch memory that a run needs if panels of weights are made.
    static func scratchCount(extent: PlanExtent) -> Int { extent.slots * 32 * blockRows }

    /// Returns the greatest number of channels, at most a block's, that divides each of `reads`.
    private static func stepDepth(_ reads: [Int]) -> Int {
        let common = reads.reduce(0, greatestCommonDivisor)
        guard common % lanes == 0 else { return common }
        let vectors = common / lanes
        return lanes * ((1...min(vectors, blockRows / lanes)).last { vectors % $0 == 0 } ?? 1)
    }

    private var pixels: Int { gathering.outputHeight * gathering.outputWidth }

    /// Returns the output pixels of a work item, a multiple of 8.
    private func itemRows(of rowCount: Int) -> Int {
        let most = max(64, min(256, Self.itemFloats / reads.reduce(0, +)))
        let items = (rowCount + most - 1) / most
        return roundUp((rowCount + items - 1) / items, to: 8)
    }

    func callAsFunction() {
        let rowCount = run.batch * pixels, itemRows = itemRows(of: rowCount)
        let items = (rowCount + itemRows - 1) / itemRows
        // An item has fewer panels if threads would be idle otherwise.
        let itemPanels = max(1, min(Self.mostPanels, items * weights.panelCount / (4 * run.plan.extent.slots)))
        let groups = (weights.panelCount + itemPanels - 1) / itemPanels
        run.parallelFor(items * groups) { item, slot in
            let first = item / groups * itemRows, panel = item % groups * itemPanels
            convolve(
                first..<min(first + itemRows, rowCount), panels: panel..<min(panel + itemPanels, weights.panelCount),
                scratch: run.scratch + slot * 32 * Self.blockRows)
        }
    }

    /// Computes some panels of output channels for some output pixels of the batch.
    private func convolve(_ rows: Range<Int>, panels: Range<Int>, scratch: MutableFloatPointer) {
        let tiles = (rows.count + 7) / 8
        withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: tiles * steps * 8) { table in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: tiles * 8 * 32) { sums in
                guard let table = table.baseAddress, let sums = sums.baseAddress else { return }
                fill(table, rows)
                for panel in panels { convolve(rows, panel: panel, table: table, sums: sums, scratch: scratch) }
            }
        }
    }

    /// Computes one panel of output channels.
    private func convolve(
        _ rows: Range<Int>, panel: Int, table: UnsafeMutablePointer<FloatPointer>, sums: MutableFloatPointer,
        scratch: MutableFloatPointer
    ) {
        let width = weights.width(ofPanel: panel)
        let tiles = (rows.count + 7) / 8, blockSteps = max(1, Self.blockRows / depth)
        for step in stride(from: 0, to: steps, by: blockSteps) {
            let count = min(blockSteps, steps - step)
            let blockRows = step * depth..<(step + count) * depth
            let block = weights.panel(panel, rows: blockRows, scratch: scratch)
            for tile in 0..<tiles {
                weights.prefetch(panel, after: blockRows, part: tile, of: tiles)
                if step + count == steps { prefetch(panel: panel, self.tile(tile, of: rows)) }
                multiplyPanel(
                    width: width, taps: count, rows: table + (tile * steps + step) * 8, depth: depth, panel: block,
                    c: sums + tile * 8 * width, ldc: width, continues: step > 0)
                if step + count == steps { write(sums + tile * 8 * width, panel: panel, self.tile(tile, of: rows)) }
            }
        }
    }

    /// Returns a tile of an item's output pixels.
    private func tile(_ index: Int, of rows: Range<Int>) -> Range<Int> {
        let first = rows.lowerBound + index * 8
        return first..<min(first + 8, rows.upperBound)
    }

    /// Asks for the memory to which a tile will be written.
    private func prefetch(panel: Int, _ rows: Range<Int>) {
        for row in rows { epilogue.prefetch(pixel: row, first: panel * 32, width: weights.width(ofPanel: panel)) }
    }

    /// Writes out the sums of a tile.
    private func write(_ sums: MutableFloatPointer, panel: Int, _ rows: Range<Int>) {
        let width = weights.width(ofPanel: panel)
        for (index, row) in rows.enumerated() {
            epilogue.write(sums + index * width, pixel: row, image: row / pixels, first: panel * 32, width: width)
        }
    }

    /// Writes the pointers of output pixels to `table`, [tile][step][8]. The last tile repeats its last pixel.
    private func fill(_ table: UnsafeMutablePointer<FloatPointer>, _ rows: Range<Int>) {
        var (image, pixel) = rows.lowerBound.quotientAndRemainder(dividingBy: pixels)
        var (y, x) = pixel.quotientAndRemainder(dividingBy: gathering.outputWidth)
        for index in 0..<roundUp(rows.count, to: 8) {
            fill(table + index / 8 * steps * 8 + index % 8, image: image, y: y, x: x)
            guard index + 1 < rows.count else { continue }
            (pixel, x) = (pixel + 1, x + 1)
            if x == gathering.outputWidth { (y, x) = (y + 1, 0) }
            if pixel == pixels { (image, pixel, y) = (image + 1, 0, 0) }
        }
    }

    /// Writes the pointers of one output pixel, one for each step, to every eighth place.
    private func fill(_ table: UnsafeMutablePointer<FloatPointer>, image: Int, y: Int, x: Int) {
        let firstPixel = image * gathering.inputHeight * gathering.inputWidth
        let window = gathering.window
        var place = table
        for r in 0..<window.height {
            for s in 0..<window.width {
                let source = gathering.pixel(y: y, x: x, r: r, s: s)
                for index in inputs.indices {
                    let start = inputs[index].start + (firstPixel + source) * inputs[index].stride
                    for channel in stride(from: 0, to: reads[index], by: depth) {
                        place.pointee = source < 0 ? run.zeros : start + channel
                        place += 8
                    }
                }
            }
        }
    }
}

private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : greatestCommonDivisor(b, a % b) }
