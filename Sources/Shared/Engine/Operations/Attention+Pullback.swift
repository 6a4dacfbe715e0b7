// With g the cotangent of y and S = W * (g v^T - rowsum(W * g v^T)), the cotangents are
//
//     q: S k / sqrt(c)     k: S^T q / sqrt(c)     v: W^T g
//
// Some blocks of queries make a round. First each block's columns of W^T and S^T are computed, and from them the
// cotangents of its queries. Then the round's terms are added to the cotangents of k and v, some keys a work item.

extension Attention {
    /// Keys whose cotangents a work item computes.
    private static let chunk = 64
    /// Floats of W^T and S^T in a round, if these are enough for all threads: they stay in the second-level cache.
    private static let roundFloats = 1 << 18

    /// All queries of a head, or what belongs to them, as the right factor of a product: a row for each query.
    private var queryRows: PackedMatrix { PackedMatrix(rows: blocks * Self.block, columns: channels) }
    /// The sums of the cotangents of a head's k or v: a row for each key.
    private var keySums: PackedMatrix { PackedMatrix(rows: roundUp(keys.pixels, to: 8), columns: channels) }

    /// The scratch memory of a pullback.
    struct PullbackScratch {
        /// The blocks of a round: at least some for each thread.
        let roundBlocks: Int
        let count: Int
        /// The places of: the packed queries and cotangents of all heads, the sums, W^T and S^T of a round, and each
        /// thread's two small matrices. k, transposed, comes first.
        let packed: Int, sums: Int, round: Int, own: Int

        init(_ attention: Attention, pairs: Int, slots: Int) {
            let most = max(2 * slots, Attention.roundFloats / (2 * attention.weightCount))
            roundBlocks = min(pairs * attention.blocks, most)
            packed = pairs * attention.transposedCount
            sums = packed + pairs * 2 * attention.queryRows.count
            round = sums + pairs * 2 * attention.keySums.count
            own = round + roundBlocks * 2 * attention.weightCount
            count = own + slots * 2 * attention.blockCount
        }
    }

    package func pullback(_ run: GraphRun) {
        if usesTiles { return TiledAttention(self, run).pullback() }
        let scratch = PullbackScratch(self, pairs: run.batch * heads, slots: run.plan.extent.slots)
        let total = run.batch * heads * blocks
        transpose(run, keys, to: run.scratch)
        let keyDelivery = run.delivery(keys.index, of: keys.value)
        if keyDelivery != nil { packQueries(run, to: run.scratch + scratch.packed) }
        for first in Swift.stride(from: 0, to: total, by: scratch.roundBlocks) {
            let round = first..<min(first + scratch.roundBlocks, total)
            run.parallelFor(round.count) { item, slot in pullQueries(run, scratch, first + item, item, slot) }
            guard let (target, adds) = keyDelivery else { continue }
            let pairs = round.lowerBound / blocks...(round.upperBound - 1) / blocks
            let chunks = (keys.pixels + Self.chunk - 1) / Self.chunk
            run.parallelFor(pairs.count * chunks) { item, _ in
                let (pair, key) = (pairs.lowerBound + item / chunks, item % chunks * Self.chunk)
                let part = round.clamped(to: pair * blocks..<(pair + 1) * blocks)
                let keys = key..<min(key + Self.chunk, self.keys.pixels)
                addToKeys(run, scratch, pair, part, round, keys)
                if part.upperBound == (pair + 1) * blocks { deliver(run, scratch, pair, keys, target, adds) }
            }
        }
        zeroCotangentPadding(run)
    }

    /// Sets to zero the padding of those inputs' cotangents that were assigned.
    func zeroCotangentPadding(_ run: GraphRun) {
        for (index, value) in inputs.enumerated() {
            guard let (target, adds) = run.delivery(index, of: value), !adds else { continue }
            for part in 0..<value.shape.segments.count {
                zeroPadding(
                    run, target, value.shape, from: part * stride + output.shape.channels, to: (part + 1) * stride)
            }
        }
    }

    private func cotangent(_ run: GraphRun, image: Int, head: Int) -> FloatPointer {
        FloatPointer(run.cotangent(output)) + image * output.shape.count + head * channels
    }

    /// Packs q and g of all images and heads, [images, heads, 2, panels].
    private func packQueries(_ run: GraphRun, to target: MutableFloatPointer) {
        let map = map(run, queries)
        run.parallelFor(run.batch * heads) { pair, _ in
            let (image, head) = (pair / heads, pair % heads), place = target + pair * 2 * queryRows.count
            queryRows.pack(
                self.place(queries, in: map, image: image, head: head), rows: queries.pixels, lds: queries.stride,
                to: place)
            queryRows.pack(
                cotangent(run, image: image, head: head), rows: queries.pixels, lds: stride,
                to: place + queryRows.count)
        }
    }

    /// Computes a block's columns of W^T and S^T, which is number `item` of its round, and delivers the cotangents of
    /// its queries.
    private func pullQueries(_ run: GraphRun, _ scratch: PullbackScratch, _ index: Int, _ item: Int, _ slot: Int) {
        let block = block(index)
        let weights = run.scratch + scratch.round + item * 2 * weightCount, slopes = weights + weightCount
        let small = run.scratch + scratch.own + slot * 2 * blockCount, result = small + blockCount
        self.weights(run, block, small: small, to: weights)
        let cotangent = cotangent(run, image: block.image, head: block.head)
        products(run, values, block, of: cotangent + block.first * stride, stride: stride, small: small, to: slopes)
        slope(weights, slopes)
        guard let (target, adds) = run.delivery(queries.index, of: queries.value) else { return }
        MatrixProduct.multiply(
            rows: channels, depth: keys.pixels, a: FloatPointer(run.scratch + block.pair * transposedCount),
            lda: keyStride, b: FloatPointer(slopes), c: result)
        deliverQueries(run, block, result, target, adds)
    }

    /// Delivers the cotangents of a block's queries, [channels][32] without the factor.
    func deliverQueries(
        _ run: GraphRun, _ block: Block, _ result: MutableFloatPointer, _ target: MutableFloatPointer, _ adds: Bool
    ) {
        let place = place(queries, in: target, image: block.image, head: block.head)
        for query in 0..<block.count {
            for channel in 0..<channels {
                let place = place + (block.first + query) * queries.stride + channel
                let value = factor * result[channel * Self.block + query]
                place.pointee = adds ? place.pointee + value : value
            }
        }
    }

    /// Sets slopes to weights * (slopes - sum over keys of weights * slopes).
    private func slope(_ weights: MutableFloatPointer, _ slopes: MutableFloatPointer) {
        for half in [0, lanes] {
            let total = sumOverKeys { key, sum in
                let place = half + key * Self.block
                return multiplyAdd(sum, load(weights + place), load(slopes + place))
            }
            for place in Swift.stride(from: half, to: half + keys.pixels * Self.block, by: Self.block) {
                store(load(weights + place) * (load(slopes + place) - total), slopes + place)
            }
        }
    }

    /// Adds the terms of some blocks of one image and head to the sums of some keys' k and v.
    private func addToKeys(
        _ run: GraphRun, _ scratch: PullbackScratch, _ pair: Int, _ part: Range<Int>, _ round: Range<Int>,
        _ keys: Range<Int>
    ) {
        let packed = FloatPointer(run.scratch + scratch.packed + pair * 2 * queryRows.count)
        let sums = run.scratch + scratch.sums + pair * 2 * keySums.count
        let firstBlock = part.lowerBound - pair * blocks
        withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: 8 * part.count) { rows in
            guard let rows = rows.baseAddress else { return }
            for key in Swift.stride(from: keys.lowerBound, to: keys.upperBound, by: 8) {
                // k takes S^T q, v takes W^T g.
                for (which, matrix) in [weightCount, 0].enumerated() {
                    for (place, block) in part.enumerated() {
                        let start = scratch.round + (block - round.lowerBound) * 2 * weightCount + matrix
                        for index in 0..<8 {
                            rows[place * 8 + index] = FloatPointer(
                                run.scratch + start + min(key + index, keys.upperBound - 1) * Self.block)
                        }
                    }
                    for panel in 0..<queryRows.panelCount {
                        let width = queryRows.width(ofPanel: panel)
                        multiplyPanel(
                            width: width, taps: part.count, rows: rows, depth: Self.block,
                            panel: packed + which * queryRows.count + queryRows.place(ofPanel: panel)
                                + firstBlock * Self.block * width,
                            c: sums + which * keySums.count + keySums.place(ofPanel: panel) + key * width, ldc: width,
                            continues: firstBlock > 0)
                    }
                }
            }
        }
    }

    /// Delivers the cotangents of some keys' k and v.
    private func deliver(
        _ run: GraphRun, _ scratch: PullbackScratch, _ pair: Int, _ keys: Range<Int>, _ target: MutableFloatPointer,
        _ adds: Bool
    ) {
        let sums = run.scratch + scratch.sums + pair * 2 * keySums.count
        for (which, (part, factor)) in [(self.keys, factor), (values, 1)].enumerated() {
            let start = place(part, in: target, image: pair / heads, head: pair % heads)
            for key in keys {
                for channel in 0..<channels {
                    let width = keySums.width(ofPanel: channel / 32)
                    let sum = sums[
                        which * keySums.count + keySums.place(ofPanel: channel / 32) + key * width + channel % 32]
                    let place = start + key * part.stride + channel
                    place.pointee = adds ? place.pointee + factor * sum : factor * sum
                }
            }
        }
    }
}
