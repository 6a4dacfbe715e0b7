extension Attention {
    /// The scratch memory of a forward run: k and v of all heads, and each thread's own.
    struct ForwardScratch {
        let columns: Int, own: Int
        let slotCount: Int
        let count: Int

        init<Products: AttentionProducts>(_ attention: Attention, _ products: Products, _ extent: PlanExtent) {
            let pairs = extent.batch * attention.heads
            slotCount =
                attention.pieceCount(Products.self) + products.vectorCount + attention.resultCount + products.ownCount
            columns = pairs * products.rowCount
            own = columns + pairs * products.columnCount
            count = own + extent.slots * slotCount
        }
    }

    func forward<Products: AttentionProducts>(_ run: GraphRun, _ products: Products) {
        let scratch = ForwardScratch(self, products, run.plan.extent)
        products.layOutRows(run, keys, to: run.scratch)
        products.layOutColumns(run, values, to: run.scratch + scratch.columns)
        run.parallelFor(run.batch * heads * blocks) { item, slot in
            let block = block(item)
            products.begin()
            let own = run.scratch + scratch.own + slot * scratch.slotCount
            forward(run, products, block, columns: run.scratch + scratch.columns, own: own)
            products.end()
        }
        zeroPadding(run, run.activations(output), output.shape, from: output.shape.channels, to: stride)
    }

    /// Computes a block of y.
    private func forward<Products: AttentionProducts>(
        _ run: GraphRun, _ products: Products, _ block: Block, columns: MutableFloatPointer, own: MutableFloatPointer
    ) {
        let piece = own, vectors = piece + pieceCount(Products.self)
        let result = vectors + products.vectorCount, rest = result + resultCount
        products.layOut(start(run, queries, block), stride: queries.stride, block, to: vectors)
        var softmax = RunningSoftmax(factor: factor)
        for first in Swift.stride(from: 0, to: keys.pixels, by: Products.pieceKeys) {
            let keys = first..<min(first + Products.pieceKeys, self.keys.pixels)
            products.multiply(
                rows: run.scratch + block.pair * products.rowCount, keys: keys, vectors: vectors, to: piece)
            mask(piece, keys, block, with: -.infinity)
            let shrink = softmax.replace(piece, count: keys.count)
            mask(piece, keys, block, with: 0)
            if first > 0 { scale(result, by: shrink) }
            products.multiply(
                columns: columns + block.pair * products.columnCount, keys: keys, piece: piece, own: rest, to: result,
                adds: first > 0)
        }
        softmax.save(saved(run, block))
        scale(result, by: softmax.inverseSums)
        let target = run.activations(output) + block.image * output.shape.count + block.head * channels
        for query in 0..<block.count {
            for channel in 0..<channels {
                target[(block.first + query) * stride + channel] = result[channel * Self.block + query]
            }
        }
    }

    /// Scales a block's result, [channels][32], by factors of its queries.
    private func scale(_ result: MutableFloatPointer, by factors: (FloatVector, FloatVector)) {
        for place in Swift.stride(from: result, to: result + channels * Self.block, by: Self.block) {
            store(factors.0 * load(place), place)
            store(factors.1 * load(place + lanes), place + lanes)
        }
    }
}
