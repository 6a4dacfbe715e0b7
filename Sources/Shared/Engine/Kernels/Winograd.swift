// 3x3 convolution with stride 1 by Winograd's minimal filtering (Lavin and Gray 2015).
//
// The output is cut into tiles of m x m. Each tile Y needs an (m+2) x (m+2) window d of the input:
//
//     Y = A^T [ (G g G^T) * (B^T d B) ] A,        * elementwise,
//
// The sums over channels become (m+2)^2 independent products of matrices [tiles x C_in] [C_in x C_out]: 36 for m = 4,
// instead of a direct convolution's 144 multiplications a tile, and 16 for m = 2, instead of 36.
//
// V = B^T d B is laid out [block of 8 tiles][point][8][channels + 16]: a call of the inner loop reads contiguous
// memory, and the 16 extra floats keep the points' rows out of one cache set. A work item takes 32 output channels of
// up to 128 tiles, multiplies point by point (its panel of weights stays in cache over the tiles), and transforms the
// sums back while they are still in the second-level cache.

/// The three matrices of one tile size.
protocol WinogradForm {
    /// Output pixels of a tile along one axis.
    static var tile: Int { get }
    /// Returns row i of G, which is (tile + 2) x 3.
    static func filterRow(_ i: Int) -> (Float, Float, Float)
    /// Computes G h for 16 channels and calls `put` with each of its tile + 2 numbers.
    static func transformFilter(
        _ h0: FloatVector, _ h1: FloatVector, _ h2: FloatVector, _ put: (_ index: Int, _ value: FloatVector) -> Void)
    /// Computes B^T d B for 16 channels. `window[i]` points at a pixel's channels; point i of the result goes to
    /// `target + i * stride`. `temporary` holds (tile + 2)^2 vectors.
    static func transformInput(
        _ window: UnsafePointer<FloatPointer>, offset: Int, temporary: UnsafeMutablePointer<FloatVector>,
        target: MutableFloatPointer,
        stride: Int)
    /// Computes A^T M A for 16 channels. Point i of M is at `sums + i * stride`; the tile goes to `result` row by row.
    static func transformOutput(
        _ sums: FloatPointer, stride: Int, temporary: UnsafeMutablePointer<FloatVector>,
        result: UnsafeMutablePointer<FloatVector>)
}

extension WinogradForm {
    /// Input pixels of a tile along one axis.
    static var side: Int { tile + 2 }
    static var points: Int { side * side }
}

enum Winograd<Form: WinogradForm> {
    /// Tiles whose V is held at once: enough tiles to be worth reading and transforming a panel of weights, few enough
    /// for V to fit the last-level cache and the sums of a panel the second-level cache.
    private static var groupTiles: Int { 128 }

    /// Returns whether weights are transformed once and kept, instead of at every use. They are kept if that takes at
    /// most a MiB, or if a weight meets too few tiles to be worth its transform.
    static func keepsTransform(_ gathering: PixelGathering, depth: Int, columns: Int) -> Bool {
        tileCount(gathering) < 16 || Form.points * depth * columns <= 1 << 18
    }

    /// Returns the floats of scratch memory that `run` needs.
    ///
    /// - Parameters:
    ///   - keeps: whether the transform of the weights is kept.
    ///   - makesKernels: whether, if it is not, a panel's kernels are made for each work item.
    static func scratchCount(
        _ gathering: PixelGathering, depth: Int, keeps: Bool, makesKernels: Bool, extent: PlanExtent
    ) -> Int {
        let tiles = min(roundUp(extent.batch * tileCount(gathering), to: 8), groupTiles)
        let kernels = makesKernels && !keeps ? WinogradWeights.kernelCount(depth: depth) : 0
        return tiles * Form.points * (depth + lanes)
            + extent.slots * slotSize(tiles: tiles, weights: (keeps ? 0 : rowSize(depth)) + kernels)
    }

    /// Returns the floats of a thread's own scratch memory: the sums of one item, and what is made of its panel of
    /// weights: the kernels, and a row of points.
    private static func slotSize(tiles: Int, weights: Int) -> Int {
        min(tiles, groupTiles) * Form.points * 32 + weights
    }

    private static func rowSize(_ depth: Int) -> Int { Form.side * depth * 32 }

    private static func tileCount(_ gathering: PixelGathering) -> Int {
        let (across, down) = grid(gathering)
        return across * down
    }

    private static func grid(_ gathering: PixelGathering) -> (across: Int, down: Int) {
        let tile = Form.tile
        return ((gathering.outputWidth + tile - 1) / tile, (gathering.outputHeight + tile - 1) / tile)
    }

    /// - Parameters:
    ///   - gathering: a 3x3 window of stride 1. A transposed one reads with padding 2 - p and flipped weights.
    static func run(
        _ run: GraphRun, _ gathering: PixelGathering, input: InputMap, weights: WinogradWeights,
        epilogue: ConvolutionEpilogue
    ) {
        let total = run.batch * tileCount(gathering)
        let blockSize = Form.points * 8 * (weights.depth + lanes)
        let transformed = run.scratch
        let sums = run.scratch + min(roundUp(total, to: 8), groupTiles) / 8 * blockSize
        let slotSize = slotSize(
            tiles: roundUp(total, to: 8),
            weights: (weights.isTransformed ? 0 : rowSize(weights.depth))
                + (weights.makesKernels ? WinogradWeights.kernelCount(depth: weights.depth) : 0))
        var first = 0
        while first < total {
            let count = min(groupTiles, total - first)
            run.parallelFor((count + 7) / 8) { block, _ in
                transformBlock(
                    run, gathering, input, depth: weights.depth,
                    tiles: first + block * 8..<first + min(block * 8 + 8, count),
                    target: transformed + block * blockSize)
            }
            let size = itemSize(tiles: count, panels: weights.panelCount, slots: run.plan.extent.slots)
            let items = (count + size - 1) / size
            run.parallelFor(items * weights.panelCount) { item, slot in
                let start = item % items * size
                multiply(
                    gathering, FloatPointer(transformed + start / 8 * blockSize), weights, panel: item / items,
                    tiles: first + start..<first + min(start + size, count),
                    sums: sums + slot * slotSize, epilogue)
            }
            first += count
        }
    }

    /// Returns the number of tiles of a work item: the whole group, or a part of it if threads would be idle otherwise.
    private static func itemSize(tiles: Int, panels: Int, slots: Int) -> Int {
        var size = groupTiles
        while size > 16, (tiles + size - 1) / size * panels < 2 * slots { size /= 2 }
        return size
    }

    /// Computes V for up to eight tiles.
    private static func transformBlock(
        _ run: GraphRun, _ gathering: PixelGathering, _ input: InputMap, depth: Int, tiles: Range<Int>,
        target: MutableFloatPointer
    ) {
        let (across, down) = grid(gathering)
        let (rowStride, pointStride) = (depth + lanes, 8 * (depth + lanes))
        let inputPixels = gathering.inputHeight * gathering.inputWidth
        withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: Form.points) { window in
            withUnsafeTemporaryAllocation(of: FloatVector.self, capacity: Form.points) { temporary in
                guard let window = window.baseAddress, let temporary = temporary.baseAddress else { return }
                for (row, tile) in tiles.enumerated() {
                    let (image, place) = (tile / (across * down), tile % (across * down))
                    let (y, x) = (place / across * Form.tile, place % across * Form.tile)
                    let start = input.start + image * inputPixels * input.stride
                    for i in 0..<Form.side {
                        for j in 0..<Form.side {
                            let pixel = gathering.windowPixel(y: y + i, x: x + j)
                            window[i * Form.side + j] = pixel < 0 ? run.zeros : start + pixel * input.stride
                        }
                    }
                    var k = 0
                    while k < depth {
                        Form.transformInput(
                            window, offset: k, temporary: temporary, target: target + row * rowStride + k,
                            stride: pointStride)
                        k += lanes
                    }
                }
            }
        }
    }

    /// Computes one panel of output channels for the tiles of an item.
    private static func multiply(
        _ gathering: PixelGathering, _ transformed: FloatPointer, _ weights: WinogradWeights, panel: Int,
        tiles: Range<Int>,
        sums: MutableFloatPointer, _ epilogue: ConvolutionEpilogue
    ) {
        let (depth, width) = (weights.depth, weights.width(ofPanel: panel))
        let rowStride = depth + lanes
        let blocks = (tiles.count + 7) / 8
        // The sums are laid out [block][point][8][width]; a row of the panel's points lies behind them, and the panel's
        // kernels if they are made.
        let weightRow = sums + blocks * Form.points * 8 * 32
        let kernels = weights.kernels(ofPanel: panel, scratch: weightRow + rowSize(depth))
        withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: 8) { rows in
            guard let rows = rows.baseAddress else { return }
            for i in 0..<Form.side {
                let points = weights.row(Form.self, i, ofPanel: panel, kernels: kernels, scratch: weightRow)
                for j in 0..<Form.side {
                    let point = i * Form.side + j
                    for block in 0..<blocks {
                        let start = transformed + (block * Form.points + point) * 8 * rowStride
                        for row in 0..<8 { rows[row] = start + row * rowStride }
                        multiplyPanel(
                            width: width, taps: 1, rows: rows, depth: depth, panel: points + j * depth * width,
                            c: sums + (block * Form.points + point) * 8 * width, ldc: width)
                    }
                }
            }
        }
        transformBack(gathering, FloatPointer(sums), panel: panel, width: width, tiles: tiles, epilogue)
    }

    /// Transforms the sums of an item's tiles back, and writes them out.
    private static func transformBack(
        _ gathering: PixelGathering, _ sums: FloatPointer, panel: Int, width: Int, tiles: Range<Int>,
        _ epilogue: ConvolutionEpilogue
    ) {
        let (across, down) = grid(gathering)
        let pixels = gathering.outputHeight * gathering.outputWidth
        withUnsafeTemporaryAllocation(of: FloatVector.self, capacity: Form.points + Form.tile * Form.tile) { memory in
            guard let temporary = memory.baseAddress else { return }
            let result = temporary + Form.points
            for (index, tile) in tiles.enumerated() {
                let (image, place) = (tile / (across * down), tile % (across * down))
                let (y, x) = (place / across * Form.tile, place % across * Form.tile)
                let (rowsLeft, columnsLeft) = (gathering.outputHeight - y, gathering.outputWidth - x)
                let start = sums + (index / 8 * Form.points * 8 + index % 8) * width
                var column = 0
                while column < width {
                    Form.transformOutput(start + column, stride: 8 * width, temporary: temporary, result: result)
                    for i in 0..<min(Form.tile, rowsLeft) {
                        for j in 0..<min(Form.tile, columnsLeft) {
                            let pixel = image * pixels + (y + i) * gathering.outputWidth + x + j
                            epilogue.write(
                                result[i * Form.tile + j], pixel: pixel, image: image, column: panel * 32 + column)
                        }
                    }
                    column += lanes
                }
            }
        }
    }
}
