// 3x3 convolution by Winograd's minimal filtering (Lavin and Gray 2015), for stride 1.
//
// The output is cut into tiles of m x m; each needs an (m+2) x (m+2) window d of the input, and
//
//     Y = A^T [ (G g G^T) * (B^T d B) ] A,        * elementwise,
//
// so that the channel sums become (m+2)^2 independent products of matrices [tiles x C_in] [C_in x C_out]: 36 for m = 4
// where the direct way multiplies 144 times a tile, 16 for m = 2 where it multiplies 36 times.
//
// V = B^T d B is laid out [block of 8 tiles][point][8][channels + 16]: what one call of the inner loop reads is
// contiguous, and the 16 extra floats keep the points' rows out of one cache set. A work item takes 32 output channels
// of up to 128 tiles, multiplies point by point (its panel of weights stays in cache over the tiles), and transforms
// the sums back while they are still in the second-level cache.

/// The three matrices of one tile size.
protocol WinogradForm {
    /// Output pixels of a tile, along one axis.
    static var tile: Int { get }
    /// Row i of G, which is (tile + 2) x 3.
    static func filterRow(_ i: Int) -> (Float, Float, Float)
    /// G h for 16 channels: `put` gets its tile + 2 numbers.
    static func transformFilter(
        _ h0: Vector, _ h1: Vector, _ h2: Vector, _ put: (_ index: Int, _ value: Vector) -> Void)
    /// B^T d B for 16 channels: `window[i]` points at the pixel's channels, the result's point i goes to
    /// `target + i * stride`. `temporary` holds (tile + 2)^2 vectors.
    static func transformInput(
        _ window: UnsafePointer<Source>, offset: Int, temporary: UnsafeMutablePointer<Vector>, target: Pointer,
        stride: Int)
    /// A^T M A for 16 channels: point i is at `sums + i * stride`; the tile is written to `result` row by row.
    static func transformOutput(
        _ sums: Source, stride: Int, temporary: UnsafeMutablePointer<Vector>, result: UnsafeMutablePointer<Vector>)
}

extension WinogradForm {
    /// Input pixels of a tile, along one axis.
    static var side: Int { tile + 2 }
    static var points: Int { side * side }
}

enum Winograd<Form: WinogradForm> {
    /// Tiles whose V is held at once: enough to be worth a panel's way from memory and its transform, few enough for the
    /// last-level cache (V) and the second-level one (the sums of a panel).
    private static var groupTiles: Int { 128 }

    /// Whether weights are transformed once and kept, not at every use: where that takes at most a MiB, or where a
    /// weight meets too few tiles to be worth its transform.
    static func keepsTransform(_ gathering: Gathering, depth: Int, columns: Int) -> Bool {
        tileCount(gathering) < 16 || Form.points * depth * columns <= 1 << 18
    }

    static func weights(
        _ gathering: Gathering, _ weight: UnsafeBufferPointer<Float>, _ layout: WinogradWeights.Layout
    ) -> WinogradWeights {
        WinogradWeights(
            Form.self, weight, layout,
            transforms: keepsTransform(gathering, depth: layout.depth, columns: layout.columnCount))
    }

    /// Floats of scratch that `run` needs.
    static func scratchCount(_ gathering: Gathering, depth: Int, columns: Int, extent: Extent) -> Int {
        let tiles = min(roundUp(extent.batch * tileCount(gathering), to: 8), groupTiles)
        let keeps = keepsTransform(gathering, depth: depth, columns: columns)
        return tiles * Form.points * (depth + lanes)
            + extent.slots * slotSize(tiles: tiles, weightRow: keeps ? 0 : rowSize(depth))
    }

    /// A thread's own scratch: the sums of one item, and a row of points of its panel of weights.
    private static func slotSize(tiles: Int, weightRow: Int) -> Int {
        min(tiles, groupTiles) * Form.points * 32 + weightRow
    }

    private static func rowSize(_ depth: Int) -> Int { Form.side * depth * 32 }

    private static func tileCount(_ gathering: Gathering) -> Int {
        let (across, down) = grid(gathering)
        return across * down
    }

    private static func grid(_ gathering: Gathering) -> (across: Int, down: Int) {
        let tile = Form.tile
        return ((gathering.outputWidth + tile - 1) / tile, (gathering.outputHeight + tile - 1) / tile)
    }

    /// - Parameters:
    ///   - gathering: stride 1, 3x3; a transposed one reads with padding 2 - p and flipped weights.
    static func run(
        _ run: Run, _ gathering: Gathering, input: InputMap, weights: WinogradWeights, epilogue: Epilogue
    ) {
        let total = run.batch * tileCount(gathering)
        let blockSize = Form.points * 8 * (weights.depth + lanes)
        let transformed = run.scratch
        let sums = run.scratch + min(roundUp(total, to: 8), groupTiles) / 8 * blockSize
        let slotSize = slotSize(
            tiles: roundUp(total, to: 8), weightRow: weights.isTransformed ? 0 : rowSize(weights.depth))
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
                    gathering, Source(transformed + start / 8 * blockSize), weights, panel: item / items,
                    tiles: first + start..<first + min(start + size, count),
                    sums: sums + slot * slotSize, epilogue)
            }
            first += count
        }
    }

    /// Tiles of a work item: the whole group, or a part of it where many threads would have nothing to do.
    private static func itemSize(tiles: Int, panels: Int, slots: Int) -> Int {
        var size = groupTiles
        while size > 16, (tiles + size - 1) / size * panels < 2 * slots { size /= 2 }
        return size
    }

    /// V of up to eight tiles.
    private static func transformBlock(
        _ run: Run, _ gathering: Gathering, _ input: InputMap, depth: Int, tiles: Range<Int>, target: Pointer
    ) {
        let (across, down) = grid(gathering)
        let (rowStride, pointStride) = (depth + lanes, 8 * (depth + lanes))
        let inputPixels = gathering.inputHeight * gathering.inputWidth
        withUnsafeTemporaryAllocation(of: Source.self, capacity: Form.points) { window in
            withUnsafeTemporaryAllocation(of: Vector.self, capacity: Form.points) { temporary in
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

    /// One panel of output channels for the tiles of an item.
    private static func multiply(
        _ gathering: Gathering, _ transformed: Source, _ weights: WinogradWeights, panel: Int, tiles: Range<Int>,
        sums: Pointer, _ epilogue: Epilogue
    ) {
        let (depth, width) = (weights.depth, weights.width(ofPanel: panel))
        let rowStride = depth + lanes
        let blocks = (tiles.count + 7) / 8
        // Sums lie [block][point][8][width], and a row of the panel's weights behind the last.
        let weightRow = sums + blocks * Form.points * 8 * 32
        withUnsafeTemporaryAllocation(of: Source.self, capacity: 8) { rows in
            guard let rows = rows.baseAddress else { return }
            for i in 0..<Form.side {
                let points = weights.row(Form.self, i, ofPanel: panel, scratch: weightRow)
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
        transformBack(gathering, Source(sums), panel: panel, width: width, tiles: tiles, epilogue)
    }

    private static func transformBack(
        _ gathering: Gathering, _ sums: Source, panel: Int, width: Int, tiles: Range<Int>, _ epilogue: Epilogue
    ) {
        let (across, down) = grid(gathering)
        let pixels = gathering.outputHeight * gathering.outputWidth
        withUnsafeTemporaryAllocation(of: Vector.self, capacity: Form.points + Form.tile * Form.tile) { memory in
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

extension Gathering {
    /// The input pixel at row `y` and column `x` of the padded map, or -1 in the padding. Stride 1.
    ///
    /// A transposed convolution slides over its input with padding 2 - p and flipped weights.
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
