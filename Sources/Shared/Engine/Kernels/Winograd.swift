// 3x3 convolution with stride 1 by Winograd's minimal filtering (Lavin and Gray 2015).
//
// The output is cut into tiles of m x m. Each tile Y needs an (m+2) x (m+2) window d of the input:
//
//     Y = A^T [ (G g G^T) * (B^T d B) ] A,        * elementwise,
//
// The sums over channels become (m+2)^2 independent products of matrices [tiles x C_in] [C_in x C_out]: 36 for m = 4,
// instead of a direct convolution's 144 multiplications a tile, and 16 for m = 2, instead of 36.
//
// V = B^T d B is laid out [block of channels][point][8 tiles][8][channels of the block]: a work item reads a point's
// products from end to end. It takes some tiles and some panels of 32 output channels, multiplies block by block and
// point by point (a point's block of weights stays in the first-level cache over the tiles, and the tiles' V in the
// second-level cache over the panels), and transforms the sums back while they are still in the second-level cache.

import CProcessor

/// One convolution. A transposed one reads with padding 2 - p and flipped weights.
struct Winograd<Form: WinogradForm> {
    let run: GraphRun
    /// A 3x3 window of stride 1.
    let gathering: PixelGathering
    let input: InputMap
    let weights: WinogradWeights
    let epilogue: ConvolutionEpilogue

    /// Tiles whose V is held at once: enough tiles to be worth reading and transforming a panel of weights, few enough
    /// for V to fit the last-level cache and the sums of a panel the second-level cache.
    private static var groupTiles: Int { 128 }
    /// The most channels of a block: 32 KiB of a panel.
    private static var mostDepth: Int { 256 }

    /// Returns whether weights are transformed once and kept, instead of at every use. They are kept if that takes at
    /// most a MiB, or if a weight meets too few tiles to be worth its transform.
    static func keepsTransform(_ gathering: PixelGathering, depth: Int, columns: Int) -> Bool {
        tileCount(gathering) < 16 || Form.points * depth * columns <= 1 << 18
    }

    /// Returns the floats of scratch memory that a run needs.
    ///
    /// - Parameters:
    ///   - keeps: whether the transform of the weights is kept.
    ///   - makesKernels: whether, if it is not, kernels are made for each work item.
    static func scratchCount(
        _ gathering: PixelGathering, depth: Int, keeps: Bool, makesKernels: Bool, extent: PlanExtent
    ) -> Int {
        let tiles = groupSize(extent.batch * tileCount(gathering))
        return Transformed(tiles: tiles, depth: depth).count
            + extent.slots * slotSize(tiles: tiles, depth: depth, transforms: !keeps, makesKernels: makesKernels)
    }

    /// Returns the tiles of a group, a multiple of 8.
    private static func groupSize(_ total: Int) -> Int { min(roundUp(total, to: 8), groupTiles) }

    /// The tiles of a work item and its panels of output channels, where there are enough of both. More panels read V
    /// from the last-level cache less often, more tiles share a panel's transform; the sums of 128 fit the second-level
    /// cache.
    private static func largestItem(tiles: Int) -> (tiles: Int, panels: Int) {
        tiles > 32 ? (64, 2) : tiles > 16 ? (32, 4) : (16, 4)
    }

    /// Returns the floats of a thread's own scratch memory: the sums of one item, and what is made of a block of its
    /// weights: a row of points of one panel, and the kernels of all.
    private static func slotSize(tiles: Int, depth: Int, transforms: Bool, makesKernels: Bool) -> Int {
        let item = largestItem(tiles: tiles)
        let blockDepth = Transformed(tiles: tiles, depth: depth).blockDepth
        let kernels = makesKernels ? item.panels * 9 * blockDepth * 32 : 0
        return sumCount(item) + (transforms ? Form.side * WinogradWeights.pointStride(blockDepth) + kernels : 0)
    }

    private static func sumCount(_ item: (tiles: Int, panels: Int)) -> Int {
        item.tiles * item.panels * Form.points * 32
    }

    /// The places of V in memory.
    private struct Transformed {
        /// Tiles that there is room for, a multiple of 8.
        let tiles: Int
        let depth: Int
        /// Channels of a block; the last may have fewer.
        let blockDepth: Int

        init(tiles: Int, depth: Int) {
            let blocks = (depth + mostDepth - 1) / mostDepth
            self.tiles = tiles
            self.depth = depth
            blockDepth = roundUp((depth + blocks - 1) / blocks, to: lanes)
        }

        var count: Int { start(of: roundUp(depth, to: blockDepth)) }
        /// Returns the first float of the block that begins with this channel.
        func start(of channel: Int) -> Int {
            Form.points * (tiles * channel + channel / blockDepth * lanes)
        }
        /// Returns the floats from one point to the next in a block. A vector keeps points out of one cache set.
        func pointStride(_ channels: Range<Int>) -> Int { tiles * channels.count + lanes }
        var blocks: [Range<Int>] {
            stride(from: 0, to: depth, by: blockDepth).map { $0..<min($0 + blockDepth, depth) }
        }
    }

    private static func tileCount(_ gathering: PixelGathering) -> Int {
        let (across, down) = grid(gathering)
        return across * down
    }

    private static func grid(_ gathering: PixelGathering) -> (across: Int, down: Int) {
        let tile = Form.tile
        return ((gathering.outputWidth + tile - 1) / tile, (gathering.outputHeight + tile - 1) / tile)
    }

    func callAsFunction() {
        let total = run.batch * Self.tileCount(gathering)
        let tiles = Self.groupSize(total)
        let layout = Transformed(tiles: tiles, depth: weights.depth)
        let sums = run.scratch + layout.count
        let slotSize = Self.slotSize(
            tiles: tiles, depth: weights.depth, transforms: !weights.isTransformed, makesKernels: weights.makesKernels)
        for first in stride(from: 0, to: total, by: tiles) {
            let group = first..<min(first + tiles, total)
            run.parallelFor((group.count + 7) / 8) { block, _ in
                let start = first + block * 8
                transform(start..<min(start + 8, group.upperBound), layout, block: block)
            }
            let size = itemSize(tiles: group.count, layout)
            let parts = (group.count + size.tiles - 1) / size.tiles
            let panelParts = (weights.panelCount + size.panels - 1) / size.panels
            run.parallelFor(parts * panelParts) { item, slot in
                let (start, panel) = (item % parts * size.tiles, item / parts * size.panels)
                compute(
                    Item(
                        tiles: first + start..<min(first + start + size.tiles, group.upperBound),
                        firstBlock: start / 8, panels: panel..<min(panel + size.panels, weights.panelCount)),
                    layout, sums: sums + slot * slotSize)
            }
        }
    }

    /// A work item: some tiles, which begin with block `firstBlock` of their group, and some panels of output channels.
    private struct Item {
        let tiles: Range<Int>
        let firstBlock: Int
        let panels: Range<Int>

        var blocks: Int { (tiles.count + 7) / 8 }
        /// Floats of the sums of one panel.
        var sumCount: Int { blocks * Form.points * 8 * 32 }
    }

    /// Returns the number of tiles and of panels of a work item: fewer than there could be if threads would be idle
    /// otherwise.
    private func itemSize(tiles count: Int, _ layout: Transformed) -> (tiles: Int, panels: Int) {
        var (tiles, panels) = Self.largestItem(tiles: layout.tiles)
        func items() -> Int {
            (count + tiles - 1) / tiles * ((weights.panelCount + panels - 1) / panels)
        }
        while items() < 2 * run.plan.extent.slots, tiles > 16 || panels > 1 {
            if panels > 1 { panels /= 2 } else { tiles /= 2 }
        }
        return (tiles, panels)
    }

    /// Returns the place of a tile: its image and the first output pixel.
    private func place(of tile: Int) -> (image: Int, y: Int, x: Int) {
        let (across, down) = Self.grid(gathering)
        let place = tile % (across * down)
        return (tile / (across * down), place / across * Form.tile, place % across * Form.tile)
    }

    /// Computes V for up to eight tiles, which are a block of their group.
    private func transform(_ tiles: Range<Int>, _ layout: Transformed, block: Int) {
        let inputPixels = gathering.inputHeight * gathering.inputWidth
        withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: Form.points) { window in
            withUnsafeTemporaryAllocation(of: FloatVector.self, capacity: Form.points) { temporary in
                guard let window = window.baseAddress, let temporary = temporary.baseAddress else { return }
                for (row, tile) in tiles.enumerated() {
                    let (image, y, x) = place(of: tile)
                    let start = input.start + image * inputPixels * input.stride
                    for i in 0..<Form.side {
                        for j in 0..<Form.side {
                            let pixel = gathering.windowPixel(y: y + i, x: x + j)
                            window[i * Form.side + j] = pixel < 0 ? run.zeros : start + pixel * input.stride
                        }
                    }
                    for channels in layout.blocks {
                        let target =
                            run.scratch + layout.start(of: channels.lowerBound)
                            + (block * 8 + row) * channels.count - channels.lowerBound
                        for k in stride(from: channels.lowerBound, to: channels.upperBound, by: lanes) {
                            // Too many pixels at once for the processor to see that each is read on.
                            for i in 0..<Form.points { processor_prefetch(window[i] + k + 8 * lanes) }
                            Form.transformInput(
                                window, offset: k, temporary: temporary, target: target + k,
                                stride: layout.pointStride(channels))
                        }
                    }
                }
            }
        }
    }

    /// Computes the output of an item.
    private func compute(_ item: Item, _ layout: Transformed, sums: MutableFloatPointer) {
        let row = sums + Self.sumCount(Self.largestItem(tiles: layout.tiles))
        let made = row + Form.side * WinogradWeights.pointStride(layout.blockDepth)
        for channels in layout.blocks {
            let kernels = item.panels.enumerated().map { place, panel in
                weights.kernels(ofPanel: panel, channels: channels, scratch: made + place * 9 * layout.blockDepth * 32)
            }
            for i in 0..<Form.side {
                for (place, panel) in item.panels.enumerated() {
                    let (points, stride) = weights.row(
                        Form.self, i, ofPanel: panel, channels: channels, kernels: kernels[place], scratch: row)
                    for j in 0..<Form.side {
                        multiply(
                            item, layout, channels, point: i * Form.side + j, weights: points + j * stride,
                            width: weights.width(ofPanel: panel), sums: sums + place * item.sumCount)
                    }
                }
            }
        }
        for (place, panel) in item.panels.enumerated() {
            transformBack(FloatPointer(sums + place * item.sumCount), panel: panel, item.tiles)
        }
    }

    /// Adds the products of a block of channels at one point to the sums of a panel, [8 tiles][point][8][width].
    private func multiply(
        _ item: Item, _ layout: Transformed, _ channels: Range<Int>, point: Int, weights: FloatPointer, width: Int,
        sums: MutableFloatPointer
    ) {
        let depth = channels.count
        let start =
            run.scratch + layout.start(of: channels.lowerBound) + point * layout.pointStride(channels)
            + item.firstBlock * 8 * depth
        withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: 8) { rows in
            guard let rows = rows.baseAddress else { return }
            for block in 0..<item.blocks {
                for row in 0..<8 { rows[row] = FloatPointer(start) + (block * 8 + row) * depth }
                multiplyPanel(
                    width: width, taps: 1, rows: rows, depth: depth, panel: weights,
                    c: sums + (block * Form.points + point) * 8 * width, ldc: width,
                    continues: channels.lowerBound > 0)
            }
        }
    }

    /// Asks for the memory to which a tile will be written.
    private func prefetch(_ tile: Int, panel: Int, width: Int) {
        let (image, y, x) = place(of: tile)
        let first = image * gathering.outputHeight * gathering.outputWidth
        for row in y..<min(y + Form.tile, gathering.outputHeight) {
            for column in x..<min(x + Form.tile, gathering.outputWidth) {
                epilogue.prefetch(pixel: first + row * gathering.outputWidth + column, first: panel * 32, width: width)
            }
        }
    }

    /// Transforms the sums of an item's tiles back, and writes them out.
    private func transformBack(_ sums: FloatPointer, panel: Int, _ tiles: Range<Int>) {
        let width = weights.width(ofPanel: panel), pixels = gathering.outputHeight * gathering.outputWidth
        withUnsafeTemporaryAllocation(of: FloatVector.self, capacity: Form.points + Form.tile * Form.tile) { memory in
            guard let temporary = memory.baseAddress else { return }
            let result = temporary + Form.points
            for (index, tile) in tiles.enumerated() {
                let (image, y, x) = place(of: tile)
                let (rowsLeft, columnsLeft) = (gathering.outputHeight - y, gathering.outputWidth - x)
                let start = sums + (index / 8 * Form.points * 8 + index % 8) * width
                if tile + 1 < tiles.upperBound { prefetch(tile + 1, panel: panel, width: width) }
                for column in stride(from: 0, to: width, by: lanes) {
                    Form.transformOutput(start + column, stride: 8 * width, temporary: temporary, result: result)
                    for i in 0..<min(Form.tile, rowsLeft) {
                        for j in 0..<min(Form.tile, columnsLeft) {
                            epilogue.write(
                                result[i * Form.tile + j],
                                pixel: image * pixels + (y + i) * gathering.outputWidth + x + j, image: image,
                                column: panel * 32 + column)
                        }
                    }
                }
            }
        }
    }
}
