import CProcessor

/// Convolution in bfloat16 on the processor's tiles, of any size, stride and padding.
///
/// First the sources are rounded into one padded map, `SlidingGrid`, some rows at a time. Then a work item computes a
/// panel of output channels, or a few if the layer is shallow, for a run of positions. It goes through the depth in
/// blocks, whose part of the panel stays in cache while all its positions go by, and asks for the next block meanwhile.
struct TiledConvolution {
    let run: GraphRun
    let gathering: PixelGathering
    let inputs: [InputMap]
    let weights: TilePanels
    let epilogue: ConvolutionEpilogue
    private let layout: Layout

    /// Steps of the depth that go to all positions of an item before the next do: 80 KiB of a panel. Fewer would spend
    /// more time on reading and writing sums.
    private static let blockSteps = 40
    /// Bytes of the map that an item reads, if these are some positions' worth.
    private static let itemBytes = 1 << 20
    /// Bytes of the map that is held at once, if these are some rows' worth.
    private static let mapBytes = 1 << 22

    /// The sizes of the padded map and of the work items.
    private struct Layout {
        let grid: SlidingGrid
        /// bfloat16 numbers of a position. 32 more keep positions out of one cache set.
        let stride: Int
        /// Rows of outputs of all images.
        let rows: Int
        /// Rows of outputs that are computed from one map.
        let stripRows: Int
        /// Panels of a work item: together their outputs of a pixel are worth a visit of its memory.
        let itemPanels: Int
        /// Positions of a work item, a multiple of 32.
        let itemCount: Int
        /// Positions that a work item may have.
        let mostItemCount: Int

        init(_ gathering: PixelGathering, depth: Int, batch: Int) {
            grid = SlidingGrid(gathering)
            let depth = roundUp(depth, to: 32)
            itemPanels = grid.taps * depth / 32 <= blockSteps ? 4 : 1
            stride = depth % 128 == 0 ? depth + 32 : depth
            rows = batch * grid.imageRows
            stripRows = min(rows, max(4, mapBytes / (2 * stride * grid.pitch * grid.phases)))
            let count = stripRows * grid.pitch
            mostItemCount = min(
                roundUp(count, to: 32), max(64, min(itemPanels > 1 ? 256 : 512, itemBytes / (2 * stride) / 32 * 32)))
            let items = (count + mostItemCount - 1) / mostItemCount
            itemCount = roundUp((count + items - 1) / items, to: 32)
        }

        /// Rows of a phase of the map.
        var mapRows: Int { stripRows + grid.reach }
        /// bfloat16 numbers of a phase. The last tile may read beyond the rows.
        var phaseCount: Int { (mapRows * grid.pitch + grid.reachInRow + 32) * stride }
        /// Floats of the sums of a panel.
        var sumCount: Int { mostItemCount * 32 }
        /// Floats of the whole map.
        var mapFloats: Int { roundUp(grid.phases * phaseCount / 2, to: lanes) }
    }

    /// Returns the floats of scratch memory that a run needs.
    static func scratchCount(
        _ gathering: PixelGathering, depth: Int, extent: PlanExtent
    ) -> Int {
        let layout = Layout(gathering, depth: depth, batch: extent.batch)
        return layout.mapFloats + extent.slots * layout.itemPanels * layout.sumCount
    }

    init(
        _ run: GraphRun, _ gathering: PixelGathering, inputs: [InputMap], weights: TilePanels,
        epilogue: ConvolutionEpilogue
    ) {
        self.run = run
        self.gathering = gathering
        self.inputs = inputs
        self.weights = weights
        self.epilogue = epilogue
        layout = Layout(gathering, depth: weights.depth, batch: run.batch)
    }

    private var map: UnsafeMutablePointer<UInt16> {
        UnsafeMutableRawPointer(run.scratch).assumingMemoryBound(to: UInt16.self)
    }

    func callAsFunction() {
        let blocks = depthBlocks()
        for first in stride(from: 0, to: layout.rows, by: layout.stripRows) {
            let rows = first..<min(first + layout.stripRows, layout.rows)
            round(rows)
            let count = rows.count * layout.grid.pitch
            let items = (count + layout.itemCount - 1) / layout.itemCount
            let groups = (weights.panelCount + layout.itemPanels - 1) / layout.itemPanels
            run.parallelFor(items * groups) { item, slot in
                let start = item / groups * layout.itemCount, panel = item % groups * layout.itemPanels
                let positions = start..<min(start + layout.itemCount, count)
                let panels = panel..<min(panel + layout.itemPanels, weights.panelCount)
                let sums = run.scratch + layout.mapFloats + slot * layout.itemPanels * layout.sumCount
                processor_begin_tiles()
                for (index, panel) in panels.enumerated() {
                    multiply(positions, panel: panel, blocks, sums: sums + index * layout.sumCount)
                }
                processor_end_tiles()
                write(sums, positions, firstRow: rows.lowerBound, panels)
            }
        }
    }

    // MARK: - The map

    /// Writes the map that the outputs in `rows` read.
    private func round(_ rows: Range<Int>) {
        let grid = layout.grid, mapRows = rows.count + grid.reach
        let itemRows = max(1, (1 << 14) / (grid.pitch * layout.stride))
        let pieces = (mapRows + itemRows - 1) / itemRows
        run.parallelFor(grid.phases * pieces) { item, _ in
            let (phase, first) = (item / pieces, item % pieces * itemRows)
            for row in first..<min(first + itemRows, mapRows) {
                let target = map + phase * layout.phaseCount + row * grid.pitch * layout.stride
                let (image, imageRow) = (rows.lowerBound + row).quotientAndRemainder(dividingBy: grid.imageRows)
                round(image: image, row: imageRow, phase: phase, to: target)
            }
        }
    }

    /// Writes one row of a phase of the map.
    private func round(image: Int, row: Int, phase: Int, to target: UnsafeMutablePointer<UInt16>) {
        let grid = layout.grid, (stride, depth) = (layout.stride, weights.depth)
        let sourceRow = image < run.batch ? grid.sourceRow(row, phase: phase) : -1
        guard sourceRow >= 0 else { return target.update(repeating: 0, count: grid.pitch * stride) }
        let firstPixel = (image * gathering.inputHeight + sourceRow) * gathering.inputWidth
        for column in 0..<grid.pitch {
            let place = target + column * stride, source = grid.sourceColumn(column, phase: phase)
            guard source >= 0 else {
                place.update(repeating: 0, count: stride)
                continue
            }
            var channel = 0
            for input in inputs {
                processor_round(
                    input.start + (firstPixel + source) * input.stride, place + channel, input.stride)
                channel += input.stride
            }
            (place + channel).update(repeating: 0, count: depth - channel)
        }
    }

    // MARK: - Products

    /// Returns the parts of the depth that belong to each block, in the order of the sums.
    private func depthBlocks() -> [[processor_depth_run]] {
        var blocks: [[processor_depth_run]] = []
        var free = 0
        for tap in 0..<layout.grid.taps {
            let (phase, shift) = layout.grid.tap(tap)
            let a = phase * layout.phaseCount + shift * layout.stride, b = tap * weights.steps
            var step = 0
            while step < weights.steps {
                if free == 0 {
                    blocks.append([])
                    free = Self.blockSteps
                }
                let count = min(free, weights.steps - step)
                blocks[blocks.count - 1].append(
                    processor_depth_run(a: 2 * (a + 32 * step), b: (b + step) * TilePanels.stepBytes, steps: count))
                step += count
                free -= count
            }
        }
        return blocks
    }

    /// Computes one panel of output channels for some positions.
    private func multiply(
        _ positions: Range<Int>, panel: Int, _ blocks: [[processor_depth_run]], sums: MutableFloatPointer
    ) {
        let start = weights.panel(panel), width = weights.width(ofPanel: panel)
        let tiles = (positions.count + 31) / 32
        // Behind the last block of a panel, the first one of the panel that this thread is likely to take next.
        let nextPanel = panel + (layout.itemPanels > 1 ? 1 : run.pool?.threads ?? 1)
        for (index, block) in blocks.enumerated() {
            let isLast = index + 1 == blocks.count
            let next = isLast ? weights.panel(nextPanel) : start + blocks[index + 1][0].b
            let ends = isLast && nextPanel >= weights.panelCount
            let lines = ends ? 0 : (TilePanels.stepBytes / 64 + tiles - 1) / tiles
            block.withUnsafeBufferPointer { runs in
                for first in stride(from: positions.lowerBound, to: positions.upperBound, by: 32) {
                    let tile = (first - positions.lowerBound) / 32
                    processor_multiply_tiles(
                        map + first * layout.stride, 2 * layout.stride, start, runs.baseAddress, runs.count,
                        sums + tile * 1024, positions.upperBound - first, width, index > 0 ? 1 : 0,
                        next + tile * lines * 64 * Self.blockSteps, lines)
                }
            }
        }
    }

    /// Writes out the sums of those positions that are outputs.
    private func write(
        _ sums: MutableFloatPointer, _ positions: Range<Int>, firstRow: Int, _ panels: Range<Int>
    ) {
        let grid = layout.grid, (height, outputWidth) = (gathering.outputHeight, gathering.outputWidth)
        var position = positions.lowerBound
        while position < positions.upperBound {
            let (row, column) = position.quotientAndRemainder(dividingBy: grid.pitch)
            let (image, imageRow) = (firstRow + row).quotientAndRemainder(dividingBy: grid.imageRows)
            let end = min(positions.upperBound, (row + 1) * grid.pitch)
            if imageRow < height {
                let pixel = (image * height + imageRow) * outputWidth
                for column in column..<max(column, min(column + end - position, outputWidth)) {
                    let place = sums + (row * grid.pitch + column - positions.lowerBound) * 32
                    for (index, panel) in panels.enumerated() {
                        let width = weights.width(ofPanel: panel)
                        epilogue.prefetch(pixel: pixel + column + 8, first: panel * 32, width: width)
                        epilogue.write(
                            FloatPointer(place + index * layout.sumCount), pixel: pixel + column, image: image,
                            first: panel * 32, width: width)
                    }
                }
            }
            position = end
        }
    }
}
