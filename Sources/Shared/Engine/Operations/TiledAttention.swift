import CProcessor

/// Attention whose products are in bfloat16, on the processor's tiles. It goes through the same blocks as `Attention`;
/// what its products need of q, k, v and g is first rounded and laid out for all heads.
struct TiledAttention {
    let attention: Attention
    let run: GraphRun
    let layout: Layout

    /// Matrices of one image and head, and their places in scratch memory.
    struct Layout {
        /// k or v, a row for each key.
        let keyRows: TileRows
        /// k or v, a row for each channel.
        let channelRows: TileRows
        /// 32 rows of q or g.
        let queryRows: TileRows
        /// A block of q or g, transposed: a row for each channel.
        let querySteps: TileSteps
        /// A block of W^T or S^T: a row for each key.
        let keySteps: TileSteps
        /// Floats of a block of W^T or S^T, [keys][32].
        let weightCount: Int
        /// Floats of a block's result, [channels][32].
        let resultCount: Int

        init(_ attention: Attention) {
            let (precision, keys, channels) = (attention.precision, attention.keys.pixels, attention.channels)
            keyRows = TileRows(precision, rows: keys, depth: channels)
            channelRows = TileRows(precision, rows: channels, depth: keys)
            queryRows = TileRows(precision, rows: Attention.block, depth: channels)
            querySteps = TileSteps(precision, depth: channels)
            keySteps = TileSteps(precision, depth: keys)
            weightCount = roundUp(keys, to: 32) * Attention.block
            resultCount = roundUp(channels, to: 32) * Attention.block
        }

        /// Floats of what belongs to one image and head.
        var pairCount: Int { keyRows.floats + channelRows.floats }
        /// Floats of a thread.
        var slotCount: Int { weightCount + keySteps.floats + queryRows.floats + querySteps.floats + resultCount }
    }

    init(_ attention: Attention, _ run: GraphRun) {
        self.attention = attention
        self.run = run
        layout = Layout(attention)
    }

    static func scratchCount(_ attention: Attention, _ extent: PlanExtent) -> Int {
        let layout = Layout(attention)
        return extent.batch * attention.heads * layout.pairCount + extent.slots * layout.slotCount
    }

    func forward() {
        let pairs = run.batch * attention.heads
        let keys = run.scratch, channels = keys + pairs * layout.keyRows.floats
        let own = channels + pairs * layout.channelRows.floats
        roundRows(attention.keys, to: keys)
        roundColumns(attention.values, to: channels)
        run.parallelFor(pairs * attention.blocks) { item, slot in
            let block = attention.block(item)
            let weights = own + slot * layout.slotCount, steps = weights + layout.weightCount
            let small = steps + layout.keySteps.floats
            let result = small + layout.queryRows.floats + layout.querySteps.floats
            processor_begin_tiles()
            products(
                halves(keys + block.pair * layout.keyRows.floats), block, of: queries(block),
                stride: attention.queries.stride, small: small, to: weights)
            let factors = softmax(weights)
            round(weights, to: halves(steps))
            TileProduct.multiply(
                layout.channelRows, halves(channels + block.pair * layout.channelRows.floats),
                rows: 0..<attention.channels, layout.keySteps, halves(steps), c: result)
            processor_end_tiles()
            write(result, factors, block)
        }
        attention.zeroPadding(
            run, run.activations(attention.output), attention.output.shape, from: attention.output.shape.channels,
            to: attention.stride)
    }

    // MARK: - Parts

    func halves(_ place: MutableFloatPointer) -> MutableHalfPointer {
        UnsafeMutableRawPointer(place).assumingMemoryBound(to: UInt16.self)
    }

    func queries(_ block: Attention.Block) -> FloatPointer {
        attention.place(
            attention.queries, in: attention.map(run, attention.queries), image: block.image, head: block.head)
            + block.first * attention.queries.stride
    }

    /// Writes the rows of a part of every image and head.
    func roundRows(_ part: Attention.Part, to target: MutableFloatPointer) {
        let map = attention.map(run, part), pieces = (part.pixels + 63) / 64
        run.parallelFor(run.batch * attention.heads * pieces) { item, _ in
            let (pair, first) = (item / pieces, item % pieces * 64)
            let source = attention.place(part, in: map, image: pair / attention.heads, head: pair % attention.heads)
            for row in first..<min(first + 64, part.pixels) {
                layout.keyRows.round(
                    source + row * part.stride, count: attention.channels, row: row, first: 0,
                    of: halves(target + pair * layout.keyRows.floats))
            }
        }
    }

    /// Writes the columns of a part of every image and head as rows.
    func roundColumns(_ part: Attention.Part, to target: MutableFloatPointer) {
        let map = attention.map(run, part), pieces = (part.pixels + 63) / 64
        run.parallelFor(run.batch * attention.heads * pieces) { item, _ in
            let (pair, first) = (item / pieces, item % pieces * 64)
            let source = attention.place(part, in: map, image: pair / attention.heads, head: pair % attention.heads)
            let count = min(64, part.pixels - first)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: attention.channels * 64) { columns in
                guard let columns = columns.baseAddress else { return }
                MatrixProduct.transpose(
                    rows: count, columns: attention.channels, source + first * part.stride, lds: part.stride,
                    to: columns, ldt: 64)
                for channel in 0..<attention.channels {
                    layout.channelRows.round(
                        FloatPointer(columns + channel * 64), count: count, row: channel, first: first,
                        of: halves(target + pair * layout.channelRows.floats))
                }
            }
        }
    }

    /// Writes the products of all keys' rows with a block's vectors of queries' channels to `target`, [keys][32].
    func products(
        _ rows: MutableHalfPointer, _ block: Attention.Block, of vectors: FloatPointer, stride: Int,
        small: MutableFloatPointer, to target: MutableFloatPointer
    ) {
        let (own, steps) = (halves(small), halves(small + layout.queryRows.floats))
        for query in 0..<block.count {
            layout.queryRows.round(
                vectors + query * stride, count: attention.channels, row: query, first: 0, of: own)
        }
        if block.count < Attention.block {
            (own + block.count * layout.queryRows.stride).update(
                repeating: 0, count: (Attention.block - block.count) * layout.queryRows.stride)
        }
        layout.querySteps.transpose(layout.queryRows, own, to: steps)
        TileProduct.multiply(
            layout.keyRows, rows, rows: 0..<attention.keys.pixels, layout.querySteps, steps, c: target)
    }

    /// Replaces a block's products q k^T by exponentials, at most 1, and those of missing keys by 0.
    ///
    /// - Returns: the factors that make them weights, one for each query.
    func softmax(_ weights: MutableFloatPointer) -> (FloatVector, FloatVector) {
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

    /// Lays out a block of W^T or S^T as the right factor of a product.
    func round(_ block: MutableFloatPointer, to steps: MutableHalfPointer) {
        for step in 0..<layout.keySteps.steps {
            layout.keySteps.round(FloatPointer(block + step * 32 * Attention.block), step: step, of: steps)
        }
    }

    /// Writes a block of y, whose transpose is `result` without its factors.
    private func write(
        _ result: MutableFloatPointer, _ factors: (FloatVector, FloatVector), _ block: Attention.Block
    ) {
        let target =
            run.activations(attention.output) + block.image * attention.output.shape.count
            + block.head * attention.channels
        for query in 0..<block.count {
            let factor = query < lanes ? factors.0[query] : factors.1[query - lanes]
            let place = target + (block.first + query) * attention.stride
            for channel in 0..<attention.channels {
                place[channel] = factor * result[channel * Attention.block + query]
            }
        }
    }
}
