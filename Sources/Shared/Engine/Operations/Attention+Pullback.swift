// With g the cotangent of y and S = W * (g v^T - rowsum(W * g v^T)), the cotangents are
//
//     q: S k / sqrt(c)     k: S^T q / sqrt(c)     v: W^T g
//
// A first pass takes blocks of 32 queries, computes their rows of W and S again, and from them the cotangent of q. Of
// each row it keeps three numbers: the largest score, the factor of the softmax, and the sum in S. With these a second
// pass computes the same elements of W^T and S^T in blocks of 32 keys, and from them the cotangents of k and v.

extension Attention {
    /// The scratch memory of a pullback: k and v transposed; q and g transposed; three numbers for each query; and for
    /// each thread two blocks of rows.
    struct PullbackScratch {
        let keys: Int
        let queries: Int
        let numbers: Int
        let rows: Int

        init(_ attention: Attention, pairs: Int) {
            keys = pairs * attention.channels * attention.keyStride
            queries = pairs * attention.channels * attention.queryStride
            numbers = pairs * 3 * attention.queryStride
            rows = block * max(attention.keyStride, attention.queryStride)
        }

        func count(slots: Int) -> Int { 2 * keys + 2 * queries + numbers + slots * 2 * rows }
    }

    private struct Place {
        let keys: MutableFloatPointer
        let values: MutableFloatPointer
        let queries: MutableFloatPointer
        let cotangents: MutableFloatPointer
        /// [pairs, 3, query stride]
        let numbers: MutableFloatPointer
        let rows: MutableFloatPointer
        let rowCount: Int

        init(_ start: MutableFloatPointer, _ sizes: PullbackScratch) {
            keys = start
            values = keys + sizes.keys
            queries = values + sizes.keys
            cotangents = queries + sizes.queries
            numbers = cotangents + sizes.queries
            rows = numbers + sizes.numbers
            rowCount = sizes.rows
        }

        /// Returns the two blocks of rows of a thread.
        func blocks(_ slot: Int) -> (MutableFloatPointer, MutableFloatPointer) {
            (rows + 2 * slot * rowCount, rows + (2 * slot + 1) * rowCount)
        }
    }

    package func pullback(_ run: GraphRun) {
        let scratch = Place(run.scratch, PullbackScratch(self, pairs: run.batch * heads))
        let queryDelivery = run.delivery(queries.index, of: queries.value)
        let keyDelivery = run.delivery(keys.index, of: keys.value)
        transpose(run, keys, to: scratch.keys, rowLength: keyStride)
        transpose(run, values, to: scratch.values, rowLength: keyStride)
        pullQueries(run, scratch, queryDelivery)
        if let (target, adds) = keyDelivery {
            transpose(run, queries, to: scratch.queries, rowLength: queryStride)
            transposeCotangents(run, to: scratch.cotangents)
            pullKeys(run, scratch, target: target, adds: adds)
        }
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

    private func transposeCotangents(_ run: GraphRun, to target: MutableFloatPointer) {
        run.parallelFor(run.batch * heads) { pair, _ in
            MatrixProduct.transpose(
                rows: queries.pixels, columns: channels, cotangent(run, image: pair / heads, head: pair % heads),
                lds: stride, target + pair * channels * queryStride, ldt: queryStride)
        }
    }

    /// The first pass: delivers the cotangent of q, if somebody asks for it, and keeps each query's three numbers.
    private func pullQueries(
        _ run: GraphRun, _ scratch: Place, _ delivery: (target: MutableFloatPointer, adds: Bool)?
    ) {
        let keySize = channels * keyStride, blocks = blocks(queries.pixels)
        run.parallelFor(run.batch * heads * blocks) { item, slot in
            let (pair, first) = (item / blocks, item % blocks * Self.block)
            let (image, head) = (pair / heads, pair % heads)
            let count = min(Self.block, queries.pixels - first)
            let (weights, slopes) = scratch.blocks(slot)
            scores(
                run, scratch.keys + pair * keySize, image: image, head: head, first: first, count: count, to: weights)
            MatrixProduct.multiply(
                rows: count, columns: keys.pixels, depth: channels,
                a: cotangent(run, image: image, head: head) + first * stride, lda: stride,
                b: FloatPointer(scratch.values + pair * keySize), ldb: keyStride, c: slopes, ldc: keyStride)
            let numbers = scratch.numbers + pair * 3 * queryStride + first
            for row in 0..<count {
                let (largest, factor) = softmax(weights + row * keyStride, query: first + row)
                numbers[row] = largest
                numbers[queryStride + row] = factor
                numbers[2 * queryStride + row] = slope(weights + row * keyStride, slopes + row * keyStride)
            }
            guard let (target, adds) = delivery else { return }
            MatrixProduct.multiply(
                rows: count, columns: channels, depth: keys.pixels, a: FloatPointer(slopes), lda: keyStride,
                b: place(keys, in: map(run, keys), image: image, head: head), ldb: keys.stride,
                c: place(queries, in: target, image: image, head: head) + first * queries.stride, ldc: queries.stride,
                factor: factor, adds: adds)
        }
    }

    /// Sets slopes to weights * (slopes - sum over keys of weights * slopes), and returns that sum.
    private func slope(_ weights: MutableFloatPointer, _ slopes: MutableFloatPointer) -> Float {
        var sums = FloatVector.zero
        for index in keys.pixels..<keyStride { slopes[index] = 0 }
        var index = 0
        while index < keyStride {
            sums = multiplyAdd(sums, load(weights + index), load(slopes + index))
            index += lanes
        }
        let sum = sums.sum(), total = FloatVector(repeating: sum)
        index = 0
        while index < keyStride {
            store(load(weights + index) * (load(slopes + index) - total), slopes + index)
            index += lanes
        }
        return sum
    }

    /// The second pass: delivers the cotangents of k and v.
    private func pullKeys(_ run: GraphRun, _ scratch: Place, target: MutableFloatPointer, adds: Bool) {
        let blocks = blocks(keys.pixels)
        run.parallelFor(run.batch * heads * blocks) { item, slot in
            let (pair, first) = (item / blocks, item % blocks * Self.block)
            let (image, head) = (pair / heads, pair % heads)
            let count = min(Self.block, keys.pixels - first)
            let (weights, slopes) = scratch.blocks(slot)
            columns(
                keys, run, scratch.queries, pair: pair, first: first, count: count, factor: factor, to: weights)
            columns(values, run, scratch.cotangents, pair: pair, first: first, count: count, factor: 1, to: slopes)
            let numbers = FloatPointer(scratch.numbers + pair * 3 * queryStride)
            for row in 0..<count {
                finishColumn(weights + row * queryStride, slopes + row * queryStride, numbers, key: first + row)
            }
            MatrixProduct.multiply(
                rows: count, columns: channels, depth: queries.pixels, a: FloatPointer(slopes), lda: queryStride,
                b: place(queries, in: map(run, queries), image: image, head: head), ldb: queries.stride,
                c: place(keys, in: target, image: image, head: head) + first * keys.stride, ldc: keys.stride,
                factor: factor, adds: adds)
            MatrixProduct.multiply(
                rows: count, columns: channels, depth: queries.pixels, a: FloatPointer(weights), lda: queryStride,
                b: cotangent(run, image: image, head: head), ldb: stride,
                c: place(values, in: target, image: image, head: head) + first * values.stride, ldc: values.stride,
                adds: adds)
        }
    }

    /// Writes factor times the products of `count` pixels of a part, from pixel `first` on, with all queries' columns
    /// of `transposed` to `rows`.
    private func columns(
        _ part: Part, _ run: GraphRun, _ transposed: MutableFloatPointer, pair: Int, first: Int, count: Int,
        factor: Float, to rows: MutableFloatPointer
    ) {
        MatrixProduct.multiply(
            rows: count, columns: queries.pixels, depth: channels,
            a: place(part, in: map(run, part), image: pair / heads, head: pair % heads) + first * part.stride,
            lda: part.stride, b: FloatPointer(transposed + pair * channels * queryStride), ldb: queryStride, c: rows,
            ldc: queryStride, factor: factor)
    }

    /// Turns a key's scores into its column of W, and its products g v^T into its column of S.
    private func finishColumn(
        _ weights: MutableFloatPointer, _ slopes: MutableFloatPointer, _ numbers: FloatPointer, key: Int
    ) {
        var index = 0
        while index < queryStride {
            let weight =
                exponential(load(weights + index) - load(numbers + index)) * load(numbers + queryStride + index)
            store(weight, weights + index)
            store(weight * (load(slopes + index) - load(numbers + 2 * queryStride + index)), slopes + index)
            index += lanes
        }
        guard isCausal else { return }
        for query in 0..<min(key, queries.pixels) {
            weights[query] = 0
            slopes[query] = 0
        }
    }
}
