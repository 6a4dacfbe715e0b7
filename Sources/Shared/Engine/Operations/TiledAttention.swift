import CProcessor

/// Attention whose products are in bfloat16, on the processor's tiles. It goes through the same blocks as `Attention`;
/// what its products need of q, k, v and g is first rounded and laid out for all heads.
///
/// A forward run takes some keys at a time, whose columns of W^T stay in the first-level cache. It scales what it has of
/// y when the greatest product grows (Milakov and Gimelshein 2018).
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
        /// A block of S^T: a row for each key.
        let keySteps: TileSteps
        /// Some rows of a block of W^T.
        let chunkSteps: TileSteps
        /// Floats of a block of W^T or S^T, [keys][32].
        let weightCount: Int
        /// Floats of a block's result, [channels][32].
        let resultCount: Int

        init(_ attention: Attention) {
            let (keys, channels) = (attention.keys.pixels, attention.channels)
            keyRows = TileRows(rows: keys, depth: channels)
            channelRows = TileRows(rows: channels, depth: keys)
            queryRows = TileRows(rows: Attention.block, depth: channels)
            querySteps = TileSteps(depth: channels)
            keySteps = TileSteps(depth: keys)
            chunkSteps = TileSteps(depth: TiledAttention.chunkKeys)
            weightCount = roundUp(keys, to: 32) * Attention.block
            resultCount = roundUp(channels, to: 32) * Attention.block
        }

        /// Floats of what belongs to one image and head.
        var pairCount: Int { keyRows.floats + channelRows.floats }
        /// Floats of a thread.
        var slotCount: Int {
            TiledAttention.chunkKeys * Attention.block + chunkSteps.floats + queryRows.floats + querySteps.floats
                + resultCount
        }
    }

    /// Keys that a forward run takes at a time.
    static let chunkKeys = 256

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
            let scores = own + slot * layout.slotCount
            let steps = scores + Self.chunkKeys * Attention.block, small = steps + layout.chunkSteps.floats
            let result = small + layout.queryRows.floats + layout.querySteps.floats
            processor_begin_tiles()
            roundBlock(queries(block), stride: attention.queries.stride, count: block.count, to: small)
            let factors = forward(
                keys: halves(keys + block.pair * layout.keyRows.floats),
                values: halves(channels + block.pair * layout.channelRows.floats),
                queries: halves(small + layout.queryRows.floats), scores: scores, steps: halves(steps),
                result: result)
            processor_end_tiles()
            write(result, factors, block)
        }
        attention.zeroPadding(
            run, run.activations(attention.output), attention.output.shape, from: attention.output.shape.channels,
            to: attention.stride)
    }

    /// Computes a block of y^T without its factors, [channels][32].
    ///
    /// - Returns: the factors, one for each query.
    private func forward(
        keys: MutableHalfPointer, values: MutableHalfPointer, queries: MutableHalfPointer,
        scores: MutableFloatPointer, steps: MutableHalfPointer, result: MutableFloatPointer
    ) -> (FloatVector, FloatVector) {
        var sums = (left: RunningSum(), right: RunningSum())
        for first in Swift.stride(from: 0, to: attention.keys.pixels, by: Self.chunkKeys) {
            let count = min(Self.chunkKeys, attention.keys.pixels - first), stepCount = (count + 31) / 32
            TileProduct.multiply(
                layout.keyRows, keys, rows: first..<first + count, layout.querySteps, queries, c: scores)
            let left = exponentials(scores, count, &sums.left)
            let right = exponentials(scores + lanes, count, &sums.right)
            (scores + count * Attention.block).update(repeating: 0, count: (stepCount * 32 - count) * Attention.block)
            for step in 0..<stepCount {
                layout.chunkSteps.round(FloatPointer(scores + step * 1024), step: step, of: steps)
            }
            if first > 0 {
                for channel in 0..<attention.channels {
                    let place = result + channel * Attention.block
                    store(left * load(place), place)
                    store(right * load(place + lanes), place + lanes)
                }
            }
            TileProduct.multiply(
                layout.channelRows, values, rows: 0..<attention.channels, depth: first / 32..<first / 32 + stepCount,
                layout.chunkSteps, steps, c: result, adds: first > 0)
        }
        let one = FloatVector(repeating: 1)
        return (one / sums.left.sum, one / sums.right.sum)
    }

    /// The sum of exp(x - maximum) of 16 queries over the keys so far.
    private struct RunningSum {
        var maximum = FloatVector(repeating: -Float.infinity)
        var sum = FloatVector.zero
    }

    /// Replaces products q k^T by exponentials, at most 1.
    ///
    /// - Returns: the factors by which what was summed before shrinks.
    private func exponentials(_ scores: MutableFloatPointer, _ count: Int, _ running: inout RunningSum) -> FloatVector {
        let scale = FloatVector(repeating: attention.factor), low = FloatVector(repeating: -87)
        let end = scores + count * Attention.block
        var maximum = running.maximum
        for place in Swift.stride(from: scores, to: end, by: Attention.block) {
            let x = load(place)
            maximum = maximum.replacing(with: x, where: x .> maximum)
        }
        let shift = scale * maximum
        let difference = scale * running.maximum - shift
        let shrink = exponential(inRange: difference.replacing(with: low, where: difference .< low))
        var sum = FloatVector.zero
        for place in Swift.stride(from: scores, to: end, by: Attention.block) {
            let x = scale * load(place) - shift
            let e = exponential(inRange: x.replacing(with: low, where: x .< low))
            store(e, place)
            sum += e
        }
        running = RunningSum(maximum: maximum, sum: shrink * running.sum + sum)
        return shrink
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

    /// Lays out a block of q or g behind memory for its rows.
    func roundBlock(_ vectors: FloatPointer, stride: Int, count: Int, to small: MutableFloatPointer) {
        let (rows, steps) = (halves(small), halves(small + layout.queryRows.floats))
        for query in 0..<count {
            layout.queryRows.round(
                vectors + query * stride, count: attention.channels, row: query, first: 0, of: rows)
        }
        (rows + count * layout.queryRows.stride).update(
            repeating: 0, count: (Attention.block - count) * layout.queryRows.stride)
        layout.querySteps.transpose(layout.queryRows, rows, to: steps)
    }

    /// Writes the products of all keys' rows with a block of q or g to `target`, [keys][32].
    func products(
        _ rows: MutableHalfPointer, _ block: Attention.Block, of vectors: FloatPointer, stride: Int,
        small: MutableFloatPointer, to target: MutableFloatPointer
    ) {
        roundBlock(vectors, stride: stride, count: block.count, to: small)
        TileProduct.multiply(
            layout.keyRows, rows, rows: 0..<attention.keys.pixels, layout.querySteps,
            halves(small + layout.queryRows.floats), c: target)
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
