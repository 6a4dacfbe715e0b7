import CProcessor

// The five products of `Attention`'s pullback on tiles. W^T and S^T of a round are kept twice rounded, in bfloat16, a
// row for each key; the sums of the cotangents of k and v stay in Float from round to round.

extension TiledAttention {
    /// Keys whose cotangents a work item computes.
    private static let chunk = 64
    /// Floats of W^T and S^T in a round, if these are enough for all threads: they stay in the second-level cache.
    private static let roundFloats = 1 << 18

    /// The scratch memory of a pullback, in floats.
    struct PullbackScratch {
        /// A block of W^T or S^T as a left factor: a row for each key.
        let blockRows: TileRows
        /// q or g of a head as a right factor, panels of 32 channels: a row for each query.
        let queryPanel: TileSteps
        let panels: Int
        /// Floats of the sums of k or v of a head, [panels][keys][32].
        let sumCount: Int
        /// The blocks of a round: at least some for each thread.
        let roundBlocks: Int
        /// The places of: rows of v, columns of k, panels of q and g, sums, the blocks of a round, and each thread's
        /// own. Rows of k come first.
        let values: Int, columns: Int, queries: Int, sums: Int, round: Int, own: Int
        let slotCount: Int
        let count: Int

        init(_ attention: Attention, _ layout: Layout, pairs: Int, slots: Int) {
            blockRows = TileRows(rows: attention.keys.pixels, depth: Attention.block)
            queryPanel = TileSteps(depth: attention.blocks * Attention.block)
            panels = (attention.channels + 31) / 32
            sumCount = panels * layout.weightCount
            let most = max(2 * slots, roundFloats / (2 * blockRows.floats))
            roundBlocks = min(pairs * attention.blocks, most)
            values = pairs * layout.keyRows.floats
            columns = values + pairs * layout.keyRows.floats
            queries = columns + pairs * layout.channelRows.floats
            sums = queries + pairs * 2 * panels * queryPanel.floats
            round = sums + pairs * 2 * sumCount
            own = round + roundBlocks * 2 * blockRows.floats
            slotCount =
                2 * layout.weightCount + layout.keySteps.floats + layout.queryRows.floats + layout.querySteps.floats
                + layout.resultCount
            count = own + slots * slotCount
        }
    }

    static func pullbackScratchCount(_ attention: Attention, _ extent: PlanExtent) -> Int {
        PullbackScratch(attention, Layout(attention), pairs: extent.batch * attention.heads, slots: extent.slots).count
    }

    func pullback() {
        let scratch = PullbackScratch(
            attention, layout, pairs: run.batch * attention.heads, slots: run.plan.extent.slots)
        let total = run.batch * attention.heads * attention.blocks
        roundRows(attention.keys, to: run.scratch)
        roundRows(attention.values, to: run.scratch + scratch.values)
        roundColumns(attention.keys, to: run.scratch + scratch.columns)
        let keyDelivery = run.delivery(attention.keys.index, of: attention.keys.value)
        if keyDelivery != nil { roundQueries(scratch) }
        for first in Swift.stride(from: 0, to: total, by: scratch.roundBlocks) {
            let round = first..<min(first + scratch.roundBlocks, total)
            run.parallelFor(round.count) { item, slot in pullQueries(scratch, first + item, item, slot) }
            if let (target, adds) = keyDelivery { pullKeys(scratch, round, target, adds) }
        }
        attention.zeroCotangentPadding(run)
    }

    private func cotangent(image: Int, head: Int) -> FloatPointer {
        FloatPointer(run.cotangent(attention.output)) + image * attention.output.shape.count
            + head * attention.channels
    }

    /// Lays out q and g of all images and heads, [images, heads, 2, panels].
    private func roundQueries(_ scratch: PullbackScratch) {
        let map = attention.map(run, attention.queries), count = scratch.queryPanel.floats
        let start = run.scratch + scratch.queries
        run.parallelFor(run.batch * attention.heads * 2 * scratch.panels) { item, _ in
            let (which, panel) = (item / scratch.panels, item % scratch.panels)
            let (image, head) = (which / 2 / attention.heads, which / 2 % attention.heads)
            let isQueries = which.isMultiple(of: 2)
            let source =
                isQueries
                ? attention.place(attention.queries, in: map, image: image, head: head)
                : cotangent(image: image, head: head)
            roundPanel(
                source + panel * 32, stride: isQueries ? attention.queries.stride : attention.stride,
                columns: min(32, attention.channels - panel * 32), scratch, to: halves(start + item * count))
        }
    }

    /// Lays out some columns of all queries.
    private func roundPanel(
        _ source: FloatPointer, stride: Int, columns: Int, _ scratch: PullbackScratch, to target: MutableHalfPointer
    ) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 1024) { square in
            guard let square = square.baseAddress else { return }
            for step in 0..<attention.blocks {
                square.update(repeating: 0, count: 1024)
                for row in 0..<min(32, attention.queries.pixels - step * 32) {
                    (square + row * 32).update(from: source + (step * 32 + row) * stride, count: columns)
                }
                scratch.queryPanel.round(FloatPointer(square), step: step, of: target)
            }
        }
    }

    /// Computes a block's columns of W^T and S^T, which is number `item` of its round, and delivers the cotangents of
    /// its queries.
    private func pullQueries(_ scratch: PullbackScratch, _ index: Int, _ item: Int, _ slot: Int) {
        let block = attention.block(index)
        let weights = run.scratch + scratch.own + slot * scratch.slotCount, slopes = weights + layout.weightCount
        let steps = slopes + layout.weightCount, small = steps + layout.keySteps.floats
        let result = small + layout.queryRows.floats + layout.querySteps.floats
        let rows = block.pair * layout.keyRows.floats
        processor_begin_tiles()
        products(
            halves(run.scratch + rows), block, of: queries(block), stride: attention.queries.stride, small: small,
            to: weights)
        products(
            halves(run.scratch + scratch.values + rows), block,
            of: cotangent(image: block.image, head: block.head) + block.first * attention.stride,
            stride: attention.stride, small: small, to: slopes)
        slope(weights, slopes, softmax(weights))
        let kept = run.scratch + scratch.round + item * 2 * scratch.blockRows.floats
        let pullsKeys = run.delivery(attention.keys.index, of: attention.keys.value) != nil
        let matrices = pullsKeys ? [weights, slopes] : []
        for (place, matrix) in matrices.enumerated() {
            for key in 0..<attention.keys.pixels {
                scratch.blockRows.round(
                    FloatPointer(matrix + key * Attention.block), count: Attention.block, row: key, first: 0,
                    of: halves(kept + place * scratch.blockRows.floats))
            }
        }
        if let (target, adds) = run.delivery(attention.queries.index, of: attention.queries.value) {
            round(slopes, to: halves(steps))
            TileProduct.multiply(
                layout.channelRows,
                halves(run.scratch + scratch.columns + block.pair * layout.channelRows.floats),
                rows: 0..<attention.channels, layout.keySteps, halves(steps), c: result)
            attention.deliverQueries(run, block, result, target, adds)
        }
        processor_end_tiles()
    }

    /// Replaces a block's products q k^T by exponentials, at most 1, and those of missing keys by 0.
    ///
    /// - Returns: the factors that make them weights, one for each query.
    private func softmax(_ weights: MutableFloatPointer) -> (FloatVector, FloatVector) {
        let count = attention.keys.pixels * Attention.block
        (weights + count).update(repeating: 0, count: layout.weightCount - count)
        return (softmax(weights, half: 0), softmax(weights, half: lanes))
    }

    private func softmax(_ weights: MutableFloatPointer, half: Int) -> FloatVector {
        let scale = FloatVector(repeating: attention.factor), low = FloatVector(repeating: -87)
        let start = weights + half, count = attention.keys.pixels * Attention.block
        var maxima = FloatVector(repeating: -Float.infinity)
        for place in Swift.stride(from: start, to: start + count, by: Attention.block) {
            let x = load(place)
            maxima = maxima.replacing(with: x, where: x .> maxima)
        }
        let shift = scale * maxima
        let sum = attention.sumOverKeys { key, sum in
            let place = start + key * Attention.block
            let x = scale * load(place) - shift
            let e = exponential(inRange: x.replacing(with: low, where: x .< low))
            store(e, place)
            return sum + e
        }
        return FloatVector(repeating: 1) / sum
    }

    /// Lays out a block of S^T as the right factor of a product.
    private func round(_ block: MutableFloatPointer, to steps: MutableHalfPointer) {
        for step in 0..<layout.keySteps.steps {
            layout.keySteps.round(FloatPointer(block + step * 32 * Attention.block), step: step, of: steps)
        }
    }

    /// Sets weights to weights * factors and slopes to weights * (slopes - sum over keys of weights * slopes). Those of
    /// missing keys become 0.
    private func slope(
        _ weights: MutableFloatPointer, _ slopes: MutableFloatPointer, _ factors: (FloatVector, FloatVector)
    ) {
        let count = attention.keys.pixels * Attention.block
        (slopes + count).update(repeating: 0, count: layout.weightCount - count)
        for (half, factor) in [(0, factors.0), (lanes, factors.1)] {
            let total = attention.sumOverKeys { key, sum in
                let place = half + key * Attention.block, weight = factor * load(weights + place)
                store(weight, weights + place)
                return multiplyAdd(sum, weight, load(slopes + place))
            }
            for place in Swift.stride(from: half, to: half + count, by: Attention.block) {
                store(load(weights + place) * (load(slopes + place) - total), slopes + place)
            }
        }
    }

    /// Adds a round's terms to the cotangents of k and v, and delivers those that are complete.
    private func pullKeys(
        _ scratch: PullbackScratch, _ round: Range<Int>, _ target: MutableFloatPointer, _ adds: Bool
    ) {
        let blocks = attention.blocks
        let pairs = round.lowerBound / blocks...(round.upperBound - 1) / blocks
        let chunks = (attention.keys.pixels + Self.chunk - 1) / Self.chunk
        run.parallelFor(pairs.count * chunks) { item, _ in
            let (pair, key) = (pairs.lowerBound + item / chunks, item % chunks * Self.chunk)
            let part = round.clamped(to: pair * blocks..<(pair + 1) * blocks)
            let keys = key..<min(key + Self.chunk, attention.keys.pixels)
            addToKeys(scratch, pair, part, round, keys)
            guard part.upperBound == (pair + 1) * blocks else { return }
            let sums = run.scratch + scratch.sums + pair * 2 * scratch.sumCount
            for (which, (part, factor)) in [(attention.keys, attention.factor), (attention.values, 1)].enumerated() {
                let start = attention.place(
                    part, in: target, image: pair / attention.heads, head: pair % attention.heads)
                for key in keys {
                    for channel in 0..<attention.channels {
                        let sum = sums[
                            which * scratch.sumCount + channel / 32 * layout.weightCount + key * 32 + channel % 32]
                        let place = start + key * part.stride + channel
                        place.pointee = adds ? place.pointee + factor * sum : factor * sum
                    }
                }
            }
        }
    }

    /// Adds the terms of some blocks of one image and head to the sums of some keys' k and v.
    private func addToKeys(
        _ scratch: PullbackScratch, _ pair: Int, _ part: Range<Int>, _ round: Range<Int>, _ keys: Range<Int>
    ) {
        let rows = scratch.blockRows, panel = scratch.queryPanel
        let firstBlock = part.lowerBound - pair * attention.blocks
        let blocks = run.scratch + scratch.round + (part.lowerBound - round.lowerBound) * 2 * rows.floats
        processor_begin_tiles()
        // Each block of queries is a step of the depth.
        let runs = part.map { block in
            processor_depth_run(
                a: (block - part.lowerBound) * 8 * rows.floats,
                b: 2 * (block - pair * attention.blocks) * TileSteps.size, steps: 1)
        }
        // k takes S^T q, v takes W^T g.
        for (which, matrix) in [rows.floats, 0].enumerated() {
            for index in 0..<scratch.panels {
                let right =
                    run.scratch + scratch.queries
                    + ((pair * 2 + which) * scratch.panels + index) * panel.floats
                let sums =
                    run.scratch + scratch.sums + (pair * 2 + which) * scratch.sumCount + index * layout.weightCount
                for key in Swift.stride(from: keys.lowerBound, to: keys.upperBound, by: 32) {
                    processor_multiply_tiles(
                        halves(blocks + matrix) + key * rows.stride, 2 * rows.stride, halves(right), runs, runs.count,
                        sums + key * 32, 32, min(32, attention.channels - index * 32), firstBlock > 0 ? 1 : 0, nil, 0)
                }
            }
        }
        processor_end_tiles()
    }
}
