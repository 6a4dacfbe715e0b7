#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Attention of the pixels of one map to the pixels of a map: to its own (self-attention) or to another's
/// (cross-attention). For each head of c channels, with queries q and keys k and values v,
///
///     W = softmax over keys of q k^T / sqrt(c),    y = W v
///
/// A causal attention gives a pixel no weight of later pixels. The work is done in blocks of 32 queries, so that a
/// block's rows of W stay in cache; W never exists as a whole.
package struct Attention: Operation {
    /// One of q, k and v: all heads' channels of a segment of a value.
    struct Part: Sendable {
        let value: Value
        /// The place of the value among the operation's inputs.
        let index: Int
        /// Floats before the segment in each pixel.
        let first: Int

        /// Floats from one pixel to the next.
        var stride: Int { value.shape.stride }
        var pixels: Int { value.shape.pixels }
    }

    package let inputs: [Value]
    package let output: Value
    let heads: Int
    let isCausal: Bool
    let queries: Part
    let keys: Part
    let values: Part

    /// Self-attention.
    ///
    /// - Parameter input: segments [C, C, C], q, k and v; channel h C/heads + c of each belongs to head h.
    package init(_ input: Value, output: Value, heads: Int, isCausal: Bool = false) {
        precondition(input.shape.pixels == output.shape.pixels)
        precondition(input.shape.segments == [Int](repeating: output.shape.channels, count: 3))
        let parts = (0..<3).map { Part(value: input, index: 0, first: $0 * output.shape.stride) }
        self.init([input], output, heads, isCausal, parts)
    }

    /// Cross-attention.
    ///
    /// - Parameters:
    ///   - queries: q, of the output's shape.
    ///   - context: segments [C, C], k and v.
    package init(queries: Value, context: Value, output: Value, heads: Int) {
        precondition(queries.shape == output.shape)
        precondition(context.shape.segments == [output.shape.channels, output.shape.channels])
        let parts = [
            Part(value: queries, index: 0, first: 0), Part(value: context, index: 1, first: 0),
            Part(value: context, index: 1, first: output.shape.stride),
        ]
        self.init([queries, context], output, heads, false, parts)
    }

    private init(_ inputs: [Value], _ output: Value, _ heads: Int, _ isCausal: Bool, _ parts: [Part]) {
        precondition(heads > 0 && output.shape.channels % heads == 0 && output.shape.segments.count == 1)
        self.inputs = inputs
        self.output = output
        self.heads = heads
        self.isCausal = isCausal
        (queries, keys, values) = (parts[0], parts[1], parts[2])
    }

    package var kind: LayerKind { .attention }
    package var multiplications: Int { 2 * queries.pixels * keys.pixels * output.shape.channels }
    package var pullbackReadsInputs: Bool { true }

    static let block = 32
    /// Channels of a head.
    var channels: Int { output.shape.channels / heads }
    var stride: Int { output.shape.stride }
    var factor: Float { 1 / Float(channels).squareRoot() }
    /// The row length of matrices [., keys], with room for whole panels.
    var keyStride: Int { roundUp(keys.pixels, to: 32) }
    /// The row length of matrices [., queries].
    var queryStride: Int { roundUp(queries.pixels, to: 32) }

    package func scratchCount(_ extent: PlanExtent, pullback: Bool) -> Int {
        let pairs = extent.batch * heads
        guard pullback else { return pairs * channels * keyStride + extent.slots * Self.block * keyStride }
        return PullbackScratch(self, pairs: pairs).count(slots: extent.slots)
    }

    func blocks(_ pixels: Int) -> Int { (pixels + Self.block - 1) / Self.block }

    /// Returns the start of a part of one image and head in a map, or in its cotangent.
    func place(_ part: Part, in map: FloatPointer, image: Int, head: Int) -> FloatPointer {
        map + image * part.value.shape.count + part.first + head * channels
    }

    func place(_ part: Part, in map: MutableFloatPointer, image: Int, head: Int) -> MutableFloatPointer {
        map + image * part.value.shape.count + part.first + head * channels
    }

    package func forward(_ run: GraphRun) {
        let keySize = channels * keyStride
        let transposed = run.scratch
        transpose(run, keys, to: transposed, rowLength: keyStride)
        let rows = transposed + run.batch * heads * keySize
        let blocks = blocks(queries.pixels)
        run.parallelFor(run.batch * heads * blocks) { item, slot in
            let (pair, first) = (item / blocks, item % blocks * Self.block)
            let (image, head) = (pair / heads, pair % heads)
            let count = min(Self.block, queries.pixels - first)
            let weights = rows + slot * Self.block * keyStride
            scores(run, transposed + pair * keySize, image: image, head: head, first: first, count: count, to: weights)
            for row in 0..<count { _ = softmax(weights + row * keyStride, query: first + row) }
            MatrixProduct.multiply(
                rows: count, columns: channels, depth: keys.pixels, a: FloatPointer(weights), lda: keyStride,
                b: place(values, in: map(run, values), image: image, head: head), ldb: values.stride,
                c: run.activations(output) + image * output.shape.count + first * stride + head * channels, ldc: stride)
        }
        zeroPadding(run, run.activations(output), output.shape, from: output.shape.channels, to: stride)
    }

    func map(_ run: GraphRun, _ part: Part) -> FloatPointer { FloatPointer(run.activations(part.value)) }

    /// Writes a part, transposed, to `target`, [batch, heads, channels, row length].
    func transpose(_ run: GraphRun, _ part: Part, to target: MutableFloatPointer, rowLength: Int) {
        run.parallelFor(run.batch * heads) { pair, _ in
            MatrixProduct.transpose(
                rows: part.pixels, columns: channels,
                place(part, in: map(run, part), image: pair / heads, head: pair % heads), lds: part.stride,
                target + pair * channels * rowLength, ldt: rowLength)
        }
    }

    /// Writes q k^T / sqrt(c) for `count` queries, from query `first` on, to `rows`.
    func scores(
        _ run: GraphRun, _ transposedKeys: MutableFloatPointer, image: Int, head: Int, first: Int, count: Int,
        to rows: MutableFloatPointer
    ) {
        MatrixProduct.multiply(
            rows: count, columns: keys.pixels, depth: channels,
            a: place(queries, in: map(run, queries), image: image, head: head) + first * queries.stride,
            lda: queries.stride, b: FloatPointer(transposedKeys), ldb: keyStride, c: rows, ldc: keyStride,
            factor: factor)
    }

    /// Replaces a query's row by its softmax, and the floats past its last key by zeros. Returns the largest score and
    /// the factor that made the weights' sum 1.
    func softmax(_ row: MutableFloatPointer, query: Int) -> (largest: Float, factor: Float) {
        let visible = isCausal ? min(query + 1, keys.pixels) : keys.pixels
        var largest = -Float.infinity
        for index in 0..<visible { largest = max(largest, row[index]) }
        // An exponent of minus infinity makes the floats past the last key zero.
        for index in visible..<keyStride { row[index] = -Float.infinity }
        let shift = FloatVector(repeating: largest)
        var sums = FloatVector.zero
        var index = 0
        while index < keyStride {
            let x = load(row + index)
            var e = exponential(x - shift)
            e = e.replacing(with: FloatVector.zero, where: x .== FloatVector(repeating: -Float.infinity))
            sums += e
            store(e, row + index)
            index += lanes
        }
        let factor = 1 / sums.sum()
        let inverse = FloatVector(repeating: factor)
        index = 0
        while index < keyStride {
            store(load(row + index) * inverse, row + index)
            index += lanes
        }
        return (largest, factor)
    }

    /// Sets the floats `first`..<`end` of every pixel to zero.
    func zeroPadding(_ run: GraphRun, _ map: MutableFloatPointer, _ shape: MapShape, from first: Int, to end: Int) {
        guard first < end else { return }
        for pixel in 0..<run.batch * shape.pixels {
            for index in first..<end { map[pixel * shape.stride + index] = 0 }
        }
    }
}
