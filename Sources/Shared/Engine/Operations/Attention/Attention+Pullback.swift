// With g the cotangent of y, d = rowsum(g * y) and S = W * (g v^T - d), the cotangents are
//
//     q: S k / sqrt(c)     k: S^T q / sqrt(c)     v: W^T g
//
// A work item takes a range of one head's keys through all queries, some keys and some blocks of queries at a time
// (Dao et al. 2022). It keeps the sums of its keys' cotangents to itself. Its part of the queries' cotangents goes to
// memory, and the ranges' parts are added in their order.

extension Attention {
    /// Blocks of queries whose pieces of W^T and S^T are at hand at once: they stay in the second-level cache.
    static let stepBlocks = 4

    /// A work item has about an eighth of the keys, a multiple of 64.
    var rangeKeys: Int { roundUp((keys.pixels + 7) / 8, to: 64) }
    private var ranges: Int { (keys.pixels + rangeKeys - 1) / rangeKeys }

    /// The scratch memory of a pullback. Rows of k come first.
    struct PullbackScratch {
        /// The number of heads, of all images, that are pulled back at a time. They are enough for all threads.
        let groupPairs: Int
        /// A block takes so many floats for q, g and d.
        let blockCount: Int
        /// A head takes so many floats: for q, g and d of all blocks, for q and g as rows, and for the ranges' parts of
        /// the cotangent of q.
        let headCount: Int
        /// A thread takes so many floats.
        let slotCount: Int
        /// These are the places of v's rows, of k's columns, and of what belongs to heads and to threads.
        let values: Int, columns: Int, heads: Int, own: Int
        let count: Int

        init<Products: AttentionProducts>(_ attention: Attention, _ products: Products, _ extent: PlanExtent) {
            let pairs = extent.batch * attention.heads
            groupPairs = min(pairs, max(1, 4 * extent.slots / attention.ranges))
            blockCount = 2 * products.vectorCount + Attention.block
            headCount =
                attention.blocks * (blockCount + attention.ranges * attention.resultCount) + 2 * products.queryCount
            slotCount =
                2 * Attention.stepBlocks * attention.pieceCount(Products.self) + 2 * products.sumCount
                + products.ownCount
            values = pairs * products.rowCount
            columns = values + pairs * products.rowCount
            heads = columns + pairs * products.columnCount
            own = heads + groupPairs * headCount
            count = own + extent.slots * slotCount
        }
    }

    /// A head that is pulled back, and its memory.
    private struct Head<Products: AttentionProducts> {
        let attention: Attention
        let products: Products
        let run: GraphRun
        let scratch: PullbackScratch
        /// `pair` is the head's number among all images' heads, and `place` that among those pulled back at once.
        let pair: Int, place: Int

        private var start: MutableFloatPointer { run.scratch + scratch.heads + place * scratch.headCount }
        /// q of all blocks as rows.
        var queries: MutableFloatPointer { start + attention.blocks * scratch.blockCount }
        /// g of all blocks as rows.
        var cotangents: MutableFloatPointer { queries + products.queryCount }
        /// k and v as rows, and k as columns.
        var keyRows: MutableFloatPointer { run.scratch + pair * products.rowCount }
        var valueRows: MutableFloatPointer { run.scratch + scratch.values + pair * products.rowCount }
        var columns: MutableFloatPointer { run.scratch + scratch.columns + pair * products.columnCount }

        /// q of a block as columns.
        func queries(_ block: Int) -> MutableFloatPointer { start + block * scratch.blockCount }
        /// g of a block as columns.
        func cotangents(_ block: Int) -> MutableFloatPointer { queries(block) + products.vectorCount }
        /// d of a block.
        func sums(_ block: Int) -> MutableFloatPointer { cotangents(block) + products.vectorCount }
        /// A range's part of the cotangent of q of a block, [channels][32] without the factor.
        func part(_ range: Int, _ block: Int) -> MutableFloatPointer {
            cotangents + products.queryCount + (range * attention.blocks + block) * attention.resultCount
        }
    }

    func pullback<Products: AttentionProducts>(_ run: GraphRun, _ products: Products) {
        let pairs = run.batch * heads
        let scratch = PullbackScratch(self, products, run.plan.extent)
        products.layOutRows(run, keys, to: run.scratch)
        products.layOutRows(run, values, to: run.scratch + scratch.values)
        products.layOutColumns(run, keys, to: run.scratch + scratch.columns)
        for first in Swift.stride(from: 0, to: pairs, by: scratch.groupPairs) {
            let count = min(scratch.groupPairs, pairs - first)
            func head(_ place: Int) -> Head<Products> {
                Head(attention: self, products: products, run: run, scratch: scratch, pair: first + place, place: place)
            }
            run.parallelFor(count * blocks) { item, _ in layOut(head(item / blocks), block(first * blocks + item)) }
            run.parallelFor(count * ranges) { item, slot in
                products.begin()
                pull(
                    head(item / ranges), range: item % ranges,
                    own: run.scratch + scratch.own + slot * scratch.slotCount)
                products.end()
            }
            guard let (target, adds) = run.delivery(queries.index, of: queries.value) else { continue }
            run.parallelFor(count * blocks) { item, _ in
                deliverQueries(head(item / blocks), block(first * blocks + item), target, adds)
            }
        }
        zeroCotangentPadding(run)
    }

    /// Sets to zero the padding of those inputs' cotangents that were assigned.
    private func zeroCotangentPadding(_ run: GraphRun) {
        for (index, value) in inputs.enumerated() {
            guard let (target, adds) = run.delivery(index, of: value), !adds else { continue }
            for part in 0..<value.shape.segments.count {
                zeroPadding(
                    run, target, value.shape, from: part * stride + output.shape.channels, to: (part + 1) * stride)
            }
        }
    }

    /// Lays out q, g and d of a block.
    private func layOut(_ head: Head<some AttentionProducts>, _ block: Block) {
        let (run, products, index) = (head.run, head.products, block.first / Self.block)
        let place = block.image * output.shape.count + block.first * stride + block.head * channels
        let queries = start(run, self.queries, block), cotangent = FloatPointer(run.cotangent(output) + place)
        products.layOut(queries, stride: self.queries.stride, block, to: head.queries(index))
        products.layOut(cotangent, stride: stride, block, to: head.cotangents(index))
        if run.delivery(keys.index, of: keys.value) != nil {
            products.layOutQueries(queries, stride: self.queries.stride, block, to: head.queries)
            products.layOutQueries(cotangent, stride: stride, block, to: head.cotangents)
        }
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
    private func pull<Products: AttentionProducts>(_ head: Head<Products>, range: Int, own: MutableFloatPointer) {
        let (run, products, pieceCount) = (head.run, head.products, pieceCount(Products.self))
        let keys = range * rangeKeys..<min((range + 1) * rangeKeys, self.keys.pixels)
        let weights = own, slopes = weights + Self.stepBlocks * pieceCount
        let keySums = slopes + Self.stepBlocks * pieceCount, valueSums = keySums + products.sumCount
        let rest = valueSums + products.sumCount
        let delivery = run.delivery(self.keys.index, of: self.keys.value)
        for first in Swift.stride(from: 0, to: blocks, by: Self.stepBlocks) {
            let step = first..<min(first + Self.stepBlocks, blocks)
            for key in Swift.stride(from: keys.lowerBound, to: keys.upperBound, by: Products.pieceKeys) {
                let piece = key..<min(key + Products.pieceKeys, keys.upperBound)
                for index in step {
                    let place = (index - first) * pieceCount
                    pull(
                        head, block(head.pair * blocks + index), range: range, keys: piece, adds: key > keys.lowerBound,
                        weights: weights + place, slopes: slopes + place, own: rest)
                }
                guard delivery != nil else { continue }
                let first = key - keys.lowerBound
                products.addToKeys(
                    slopes, keyCount: piece.count, blocks: step, queries: head.queries, own: rest, sums: keySums,
                    first: first)
                products.addToKeys(
                    weights, keyCount: piece.count, blocks: step, queries: head.cotangents, own: rest, sums: valueSums,
                    first: first)
            }
        }
        guard let (target, adds) = delivery else { return }
        deliver(head, keySums, of: self.keys, factor: factor, keys, target, adds)
        deliver(head, valueSums, of: values, factor: 1, keys, target, adds)
    }

    /// Computes a piece of a block's W^T and S^T, [keys][32], and adds it to the range's part of the cotangent of q.
    private func pull(
        _ head: Head<some AttentionProducts>, _ block: Block, range: Int, keys: Range<Int>, adds: Bool,
        weights: MutableFloatPointer, slopes: MutableFloatPointer, own: MutableFloatPointer
    ) {
        let (run, products, index) = (head.run, head.products, block.first / Self.block)
        products.multiply(rows: head.keyRows, keys: keys, vectors: head.queries(index), to: weights)
        RunningSoftmax.weights(weights, count: keys.count, factor: factor, saved: FloatPointer(saved(run, block)))
        mask(weights, keys, block, with: 0)
        products.multiply(rows: head.valueRows, keys: keys, vectors: head.cotangents(index), to: slopes)
        let (left, right) = (load(head.sums(index)), load(head.sums(index) + lanes))
        for place in Swift.stride(from: 0, to: keys.count * Self.block, by: Self.block) {
            store(load(weights + place) * (load(slopes + place) - left), slopes + place)
            store(load(weights + place + lanes) * (load(slopes + place + lanes) - right), slopes + place + lanes)
        }
        guard run.delivery(queries.index, of: queries.value) != nil else { return }
        products.multiply(
            columns: head.columns, keys: keys, piece: slopes, own: own, to: head.part(range, index), adds: adds)
    }

    /// Delivers the cotangents of a range's k or v, which are the sums times a factor.
    private func deliver(
        _ head: Head<some AttentionProducts>, _ sums: MutableFloatPointer, of part: Part, factor: Float,
        _ keys: Range<Int>, _ target: MutableFloatPointer, _ adds: Bool
    ) {
        let start = place(part, in: target, image: head.pair / heads, head: head.pair % heads)
        for key in keys {
            for channel in 0..<channels {
                let value = factor * sums[head.products.sumPlace(key: key - keys.lowerBound, channel: channel)]
                let element = start + key * part.stride + channel
                element.pointee = adds ? element.pointee + value : value
            }
        }
    }

    /// Delivers the cotangents of a block's queries, which are the sums of the ranges' parts.
    private func deliverQueries(
        _ head: Head<some AttentionProducts>, _ block: Block, _ target: MutableFloatPointer, _ adds: Bool
    ) {
        let index = block.first / Self.block, sum = head.part(0, index)
        for range in 1..<ranges {
            let part = head.part(range, index)
            for place in Swift.stride(from: 0, to: channels * Self.block, by: lanes) {
                store(load(sum + place) + load(part + place), sum + place)
            }
        }
        let start = place(queries, in: target, image: block.image, head: block.head)
        for query in 0..<block.count {
            for channel in 0..<channels {
                let element = start + (block.first + query) * queries.stride + channel
                let value = factor * sum[channel * Self.block + query]
                element.pointee = adds ? element.pointee + value : value
            }
        }
    }
}
