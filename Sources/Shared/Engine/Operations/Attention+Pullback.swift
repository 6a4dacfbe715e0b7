// With g the cotangent of y, d = rowsum(g * y) and S = W * (g v^T - d), the cotangents are
//
//     q: S k / sqrt(c)     k: S^T q / sqrt(c)     v: W^T g
//
// A work item takes a range of one head's keys through all queries, some keys and some blocks of queries at a time
// (Dao et al. 2022). It keeps the sums of its keys' cotangents to itself. Its part of the queries' cotangents goes to
// memory, and the ranges' parts are added in their order.

extension Attention {
    /// Blocks of queries whose pieces of W^T and S^T are at hand at once: they stay in the second-level cache.
    private static let stepBlocks = 4

    /// All queries of a head, or what belongs to them, as the right factor of a product: a row for each query.
    private var queryRows: PackedMatrix { PackedMatrix(rows: blocks * Self.block, columns: channels) }
    /// The sums of the cotangents of a range's k or v: a row for each key.
    private var keySums: PackedMatrix { PackedMatrix(rows: rangeKeys, columns: channels) }
    /// Keys of a work item, whole pieces: an eighth of them, but at most 512.
    private var rangeKeys: Int { roundUp(min(512, (keys.pixels + 7) / 8), to: Self.pieceKeys) }
    private var ranges: Int { (keys.pixels + rangeKeys - 1) / rangeKeys }

    /// The scratch memory of a pullback. It begins with k, transposed.
    struct PullbackScratch {
        /// Heads, of all images, that are pulled back at a time: enough for all threads.
        let groupPairs: Int
        /// Floats of a block's q, g and d: q^T, g^T and d.
        let columnCount: Int
        /// Floats of what belongs to a head: q^T, g^T and d of all blocks, q and g packed, and the ranges' parts of the
        /// cotangent of q.
        let pairCount: Int
        let slotCount: Int
        /// The places of the heads' and the threads' own.
        let heads: Int, own: Int
        let count: Int

        fileprivate init(_ attention: Attention, pairs: Int, slots: Int) {
            groupPairs = min(pairs, max(1, 4 * slots / attention.ranges))
            columnCount = 2 * attention.blockCount + Attention.block
            pairCount =
                attention.blocks * (columnCount + attention.ranges * attention.blockCount)
                + 2 * attention.queryRows.count
            slotCount = 2 * Attention.stepBlocks * attention.pieceCount + 2 * attention.keySums.count
            heads = pairs * attention.transposedCount
            own = heads + groupPairs * pairCount
            count = own + slots * slotCount
        }
    }

    func pullbackScratch(pairs: Int, slots: Int) -> PullbackScratch {
        PullbackScratch(self, pairs: pairs, slots: slots)
    }

    package func pullback(_ run: GraphRun) {
        if usesTiles { return TiledAttention(self, run).pullback() }
        let pairs = run.batch * heads
        let scratch = pullbackScratch(pairs: run.plan.extent.batch * heads, slots: run.plan.extent.slots)
        transpose(run, keys, to: run.scratch)
        for first in Swift.stride(from: 0, to: pairs, by: scratch.groupPairs) {
            let count = min(scratch.groupPairs, pairs - first)
            run.parallelFor(count * blocks) { item, _ in
                layOut(run, block(first * blocks + item), Head(self, run, scratch, place: item / blocks))
            }
            run.parallelFor(count * ranges) { item, slot in
                let keys = item % ranges * rangeKeys
                pull(
                    run, pair: first + item / ranges, keys: keys..<min(keys + rangeKeys, self.keys.pixels),
                    Head(self, run, scratch, place: item / ranges),
                    own: run.scratch + scratch.own + slot * scratch.slotCount)
            }
            guard let (target, adds) = run.delivery(queries.index, of: queries.value) else { continue }
            run.parallelFor(count * blocks) { item, _ in
                let head = Head(self, run, scratch, place: item / blocks)
                deliverQueries(run, block(first * blocks + item), head, target, adds)
            }
        }
        zeroCotangentPadding(run)
    }

    /// The memory of a head while its keys are pulled back.
    private struct Head {
        let attention: Attention
        let columnCount: Int
        let columns: MutableFloatPointer
        /// q and g, packed.
        let queries: MutableFloatPointer
        let cotangents: MutableFloatPointer
        private let parts: MutableFloatPointer

        init(_ attention: Attention, _ run: GraphRun, _ scratch: PullbackScratch, place: Int) {
            self.attention = attention
            columnCount = scratch.columnCount
            columns = run.scratch + scratch.heads + place * scratch.pairCount
            queries = columns + attention.blocks * columnCount
            cotangents = queries + attention.queryRows.count
            parts = cotangents + attention.queryRows.count
        }

        /// q^T of a block, [channels][32].
        func queries(_ block: Int) -> MutableFloatPointer { columns + block * columnCount }
        /// g^T of a block, [channels][32].
        func cotangents(_ block: Int) -> MutableFloatPointer { queries(block) + attention.blockCount }
        /// d of a block.
        func sums(_ block: Int) -> MutableFloatPointer { cotangents(block) + attention.blockCount }
        /// A range's part of the cotangent of q^T of a block, [channels][32] without the factor.
        func part(_ range: Int, _ block: Int) -> MutableFloatPointer {
            parts + (range * attention.blocks + block) * attention.blockCount
        }
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

    /// Lays out q, g and d of a block.
    private func layOut(_ run: GraphRun, _ block: Block, _ head: Head) {
        let index = block.first / Self.block, rows = block.first..<block.first + Self.block
        let place = block.image * output.shape.count + block.first * stride + block.head * channels
        let queries = start(run, self.queries, block), cotangent = FloatPointer(run.cotangent(output) + place)
        transpose(queries, stride: self.queries.stride, block, to: head.queries(index))
        transpose(cotangent, stride: stride, block, to: head.cotangents(index))
        queryRows.pack(queries, rows: rows, count: block.count, lds: self.queries.stride, to: head.queries)
        queryRows.pack(cotangent, rows: rows, count: block.count, lds: stride, to: head.cotangents)
        let output = FloatPointer(run.activations(self.output) + place)
        for query in 0..<Self.block {
            var sum: Float = 0
            for channel in 0..<(query < block.count ? channels : 0) {
                sum += cotangent[query * stride + channel] * output[query * stride + channel]
            }
            head.sums(index)[query] = sum
        }
    }

    /// Delivers the cotangents of a range of keys, and writes its part of the queries'.
    private func pull(_ run: GraphRun, pair: Int, keys range: Range<Int>, _ head: Head, own: MutableFloatPointer) {
        let weights = own, slopes = weights + Self.stepBlocks * pieceCount
        let sums = slopes + Self.stepBlocks * pieceCount
        let delivery = run.delivery(keys.index, of: keys.value)
        for first in Swift.stride(from: 0, to: blocks, by: Self.stepBlocks) {
            let step = first..<min(first + Self.stepBlocks, blocks)
            for key in Swift.stride(from: range.lowerBound, to: range.upperBound, by: Self.pieceKeys) {
                let piece = key..<min(key + Self.pieceKeys, range.upperBound)
                for index in step {
                    let place = (index - first) * pieceCount
                    pull(
                        run, block(pair * blocks + index), keys: piece, of: range, head, weights: weights + place,
                        slopes: slopes + place)
                }
                guard delivery != nil else { continue }
                // k takes S^T q, v takes W^T g.
                let firstKey = key - range.lowerBound
                addToKeys(slopes, piece.count, step, FloatPointer(head.queries), sums: sums, firstKey)
                addToKeys(
                    weights, piece.count, step, FloatPointer(head.cotangents), sums: sums + keySums.count, firstKey)
            }
        }
        if let (target, adds) = delivery { deliver(run, sums, pair, range, target, adds) }
    }

    /// Computes a piece of a block's W^T and S^T, [keys][32], and adds it to the range's part of the cotangent of q.
    private func pull(
        _ run: GraphRun, _ block: Block, keys piece: Range<Int>, of range: Range<Int>, _ head: Head,
        weights: MutableFloatPointer, slopes: MutableFloatPointer
    ) {
        let index = block.first / Self.block
        products(run, keys, piece, block, with: FloatPointer(head.queries(index)), to: weights)
        RunningSoftmax.weights(weights, count: piece.count, factor: factor, saved: FloatPointer(saved(run, block)))
        if isCausal { mask(weights, piece, block, with: 0) }
        products(run, values, piece, block, with: FloatPointer(head.cotangents(index)), to: slopes)
        let (left, right) = (load(head.sums(index)), load(head.sums(index) + lanes))
        for place in Swift.stride(from: 0, to: piece.count * Self.block, by: Self.block) {
            store(load(weights + place) * (load(slopes + place) - left), slopes + place)
            store(load(weights + place + lanes) * (load(slopes + place + lanes) - right), slopes + place + lanes)
        }
        guard run.delivery(queries.index, of: queries.value) != nil else { return }
        MatrixProduct.multiply(
            rows: channels, depth: piece.count,
            a: FloatPointer(run.scratch + block.pair * transposedCount) + piece.lowerBound, lda: keyStride,
            b: FloatPointer(slopes), c: head.part(range.lowerBound / rangeKeys, index),
            adds: piece.lowerBound > range.lowerBound)
    }

    /// Adds the terms of some blocks to the sums of some keys' k or v.
    ///
    /// - Parameters:
    ///   - pieces: the blocks' pieces of W^T or S^T.
    ///   - packed: q or g.
    ///   - firstKey: the first key's row of the sums.
    private func addToKeys(
        _ pieces: MutableFloatPointer, _ keyCount: Int, _ step: Range<Int>, _ packed: FloatPointer,
        sums: MutableFloatPointer, _ firstKey: Int
    ) {
        withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: 8 * Self.stepBlocks) { rows in
            guard let rows = rows.baseAddress else { return }
            for key in Swift.stride(from: 0, to: keyCount, by: 8) {
                for place in 0..<step.count {
                    for index in 0..<8 {
                        rows[place * 8 + index] =
                            FloatPointer(pieces) + place * pieceCount + min(key + index, keyCount - 1) * Self.block
                    }
                }
                for panel in 0..<queryRows.panelCount {
                    let width = queryRows.width(ofPanel: panel)
                    multiplyPanel(
                        width: width, taps: step.count, rows: rows, depth: Self.block,
                        panel: packed + queryRows.place(ofPanel: panel) + step.lowerBound * Self.block * width,
                        c: sums + keySums.place(ofPanel: panel) + (firstKey + key) * width, ldc: width,
                        continues: step.lowerBound > 0)
                }
            }
        }
    }

    /// Delivers the cotangents of a range's k and v.
    private func deliver(
        _ run: GraphRun, _ sums: MutableFloatPointer, _ pair: Int, _ range: Range<Int>, _ target: MutableFloatPointer,
        _ adds: Bool
    ) {
        for (which, (part, factor)) in [(self.keys, factor), (values, 1)].enumerated() {
            let start = place(part, in: target, image: pair / heads, head: pair % heads)
            for key in range {
                for channel in 0..<channels {
                    let width = keySums.width(ofPanel: channel / 32)
                    let sum = sums[
                        which * keySums.count + keySums.place(ofPanel: channel / 32)
                            + (key - range.lowerBound) * width + channel % 32]
                    let place = start + key * part.stride + channel
                    place.pointee = adds ? place.pointee + factor * sum : factor * sum
                }
            }
        }
    }

    /// Delivers the cotangents of a block's queries, which are the sums of the ranges' parts.
    private func deliverQueries(
        _ run: GraphRun, _ block: Block, _ head: Head, _ target: MutableFloatPointer, _ adds: Bool
    ) {
        let sum = head.part(0, block.first / Self.block)
        for range in 1..<max(1, ranges) {
            let part = head.part(range, block.first / Self.block)
            for place in Swift.stride(from: 0, to: channels * Self.block, by: lanes) {
                store(load(sum + place) + load(part + place), sum + place)
            }
        }
        deliverQueries(run, block, sum, target, adds)
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
}
