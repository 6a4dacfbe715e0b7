// With g the cotangent of y and S = W * (g v^T - rowsum(W * g v^T)), the cotangents are
//
//     q: S k / sqrt(c)     k: S^T q / sqrt(c)     v: W^T g
//
// A first pass takes blocks of 32 queries, computes their rows of W and S again, and from them the cotangent of q. Of
// each row it keeps three numbers: the largest score, the factor of the softmax, and the sum in S. With these a second
// pass computes the same elements of W^T and S^T in blocks of 32 keys, and from them the cotangents of k and v.

extension Attention {
    /// Floats of a row of W^T, its padding included.
    private var queryCount: Int { roundUp(queries.pixels, to: lanes) }
    /// Floats from one row of W^T to the next.
    private var queryStride: Int { queryCount + lanes }

    /// The scratch memory of a pullback: packed matrices, first of keys and values, then of queries and cotangents;
    /// three numbers for each query; and for each thread two blocks of rows.
    struct PullbackScratch {
        let packed: Int
        let numbers: Int
        let rows: Int

        init(_ attention: Attention, pairs: Int) {
            let ofKeys = 2 * attention.columns(attention.keys).count + attention.rows(attention.keys).count
            let ofQueries = 2 * attention.columns(attention.queries).count + 2 * attention.rows(attention.queries).count
            packed = pairs * max(ofKeys, ofQueries)
            numbers = pairs * 3 * attention.queryCount
            rows = block * max(attention.keyStride, attention.queryStride)
        }

        func count(slots: Int) -> Int { packed + numbers + slots * 2 * rows }
    }

    private struct Place {
        let packed: MutableFloatPointer
        /// [pairs, 3, query count]
        let numbers: MutableFloatPointer
        let rows: MutableFloatPointer
        let rowCount: Int

        init(_ start: MutableFloatPointer, _ sizes: PullbackScratch) {
            packed = start
            numbers = packed + sizes.packed
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
        pullQueries(run, scratch, run.delivery(queries.index, of: queries.value))
        if let (target, adds) = run.delivery(keys.index, of: keys.value) {
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

    /// The first pass: delivers the cotangent of q, if somebody asks for it, and keeps each query's three numbers.
    private func pullQueries(
        _ run: GraphRun, _ scratch: Place, _ delivery: (target: MutableFloatPointer, adds: Bool)?
    ) {
        let pairs = run.batch * heads, blocks = blocks(queries.pixels)
        let across = columns(keys), down = rows(keys)
        let keysAcross = scratch.packed
        let valuesAcross = keysAcross + pairs * across.count
        let keysDown = valuesAcross + pairs * across.count
        pack(run, keys, as: across, transposes: true, to: keysAcross)
        pack(run, values, as: across, transposes: true, to: valuesAcross)
        pack(run, keys, as: down, transposes: false, to: keysDown)
        run.parallelFor(pairs * blocks) { item, slot in
            let (pair, first) = (item / blocks, item % blocks * Self.block)
            let (image, head) = (pair / heads, pair % heads)
            let count = min(Self.block, queries.pixels - first)
            let (weights, slopes) = scratch.blocks(slot)
            scores(
                run, keysAcross + pair * across.count, image: image, head: head, first: first, count: count,
                to: weights)
            MatrixProduct.multiply(
                rows: count, columns: keys.pixels, a: cotangent(run, image: image, head: head) + first * stride,
                lda: stride, b: across, at: FloatPointer(valuesAcross + pair * across.count), c: slopes,
                ldc: keyStride)
            let numbers = scratch.numbers + pair * 3 * queryCount + first
            for row in 0..<count {
                let (largest, factor) = softmax(weights + row * keyStride, query: first + row)
                numbers[row] = largest
                numbers[queryCount + row] = factor
                numbers[2 * queryCount + row] = slope(weights + row * keyStride, slopes + row * keyStride)
            }
            guard let (target, adds) = delivery else { return }
            MatrixProduct.multiply(
                rows: count, columns: channels, a: FloatPointer(slopes), lda: keyStride, b: down,
                at: FloatPointer(keysDown + pair * down.count),
                c: place(queries, in: target, image: image, head: head) + first * queries.stride, ldc: queries.stride,
                factor: factor, adds: adds)
        }
    }

    /// Sets slopes to weights * (slopes - sum over keys of weights * slopes), and returns that sum.
    private func slope(_ weights: MutableFloatPointer, _ slopes: MutableFloatPointer) -> Float {
        var sums = FloatVector.zero
        for index in keys.pixels..<keyCount { slopes[index] = 0 }
        var index = 0
        while index < keyCount {
            sums = multiplyAdd(sums, load(weights + index), load(slopes + index))
            index += lanes
        }
        let sum = sums.sum(), total = FloatVector(repeating: sum)
        index = 0
        while index < keyCount {
            store(load(weights + index) * (load(slopes + index) - total), slopes + index)
            index += lanes
        }
        return sum
    }

    /// The second pass: delivers the cotangents of k and v.
    private func pullKeys(_ run: GraphRun, _ scratch: Place, target: MutableFloatPointer, adds: Bool) {
        let pairs = run.batch * heads, blocks = blocks(keys.pixels)
        let across = columns(queries), down = rows(queries)
        let queriesAcross = scratch.packed
        let cotangentsAcross = queriesAcross + pairs * across.count
        let queriesDown = cotangentsAcross + pairs * across.count
        let cotangentsDown = queriesDown + pairs * down.count
        pack(run, queries, as: across, transposes: true, to: queriesAcross)
        pack(run, queries, as: down, transposes: false, to: queriesDown)
        for (matrix, transposes, place) in [(across, true, cotangentsAcross), (down, false, cotangentsDown)] {
            pack(run, matrix, lds: stride, transposes: transposes, to: place) { cotangent(run, image: $0, head: $1) }
        }
        run.parallelFor(pairs * blocks) { item, slot in
            let (pair, first) = (item / blocks, item % blocks * Self.block)
            let (image, head) = (pair / heads, pair % heads)
            let count = min(Self.block, keys.pixels - first)
            let (weights, slopes) = scratch.blocks(slot)
            products(
                keys, run, queriesAcross, pair: pair, first: first, count: count, factor: factor, to: weights)
            products(values, run, cotangentsAcross, pair: pair, first: first, count: count, factor: 1, to: slopes)
            let numbers = FloatPointer(scratch.numbers + pair * 3 * queryCount)
            for row in 0..<count {
                finishColumn(weights + row * queryStride, slopes + row * queryStride, numbers, key: first + row)
            }
            MatrixProduct.multiply(
                rows: count, columns: channels, a: FloatPointer(slopes), lda: queryStride, b: down,
                at: FloatPointer(queriesDown + pair * down.count),
                c: place(keys, in: target, image: image, head: head) + first * keys.stride, ldc: keys.stride,
                factor: factor, adds: adds)
            MatrixProduct.multiply(
                rows: count, columns: channels, a: FloatPointer(weights), lda: queryStride, b: down,
                at: FloatPointer(cotangentsDown + pair * down.count),
                c: place(values, in: target, image: image, head: head) + first * values.stride, ldc: values.stride,
                adds: adds)
        }
    }

    /// Writes factor times the products of `count` pixels of a part, from pixel `first` on, with all queries' columns
    /// of `packed` to `rows`.
    private func products(
        _ part: Part, _ run: GraphRun, _ packed: MutableFloatPointer, pair: Int, first: Int, count: Int,
        factor: Float, to rows: MutableFloatPointer
    ) {
        let matrix = columns(queries)
        MatrixProduct.multiply(
            rows: count, columns: queries.pixels,
            a: place(part, in: map(run, part), image: pair / heads, head: pair % heads) + first * part.stride,
            lda: part.stride, b: matrix, at: FloatPointer(packed + pair * matrix.count), c: rows, ldc: queryStride,
            factor: factor)
    }

    /// Turns a key's scores into its column of W, and its products g v^T into its column of S.
    private func finishColumn(
        _ weights: MutableFloatPointer, _ slopes: MutableFloatPointer, _ numbers: FloatPointer, key: Int
    ) {
        var index = 0
        while index < queryCount {
            let weight =
                exponential(load(weights + index) - load(numbers + index)) * load(numbers + queryCount + index)
            store(weight, weights + index)
            store(weight * (load(slopes + index) - load(numbers + 2 * queryCount + index)), slopes + index)
            index += lanes
        }
        guard isCausal else { return }
        for query in 0..<min(key, queries.pixels) {
            weights[query] = 0
            slopes[query] = 0
        }
    }
}
