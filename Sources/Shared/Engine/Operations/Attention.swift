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
    /// Floats of a row of W, its padding included.
    var keyCount: Int { roundUp(keys.pixels, to: lanes) }
    /// Floats from one row of W to the next: a vector keeps rows of 2^n numbers out of one cache set.
    var keyStride: Int { keyCount + lanes }
    /// One part of one image and head as the right factor of a product: a row for each pixel.
    func rows(_ part: Part) -> PackedMatrix { PackedMatrix(rows: part.pixels, columns: channels) }
    /// The transpose of `rows`: a column for each pixel.
    func columns(_ part: Part) -> PackedMatrix { PackedMatrix(rows: channels, columns: part.pixels) }

    package func scratchCount(_ extent: PlanExtent, pullback: Bool) -> Int {
        let pairs = extent.batch * heads
        guard pullback else {
            return pairs * (columns(keys).count + rows(values).count) + extent.slots * Self.block * keyStride
        }
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
        let (keyPanels, valuePanels) = (columns(keys), rows(values))
        let packedKeys = run.scratch
        let packedValues = packedKeys + run.batch * heads * keyPanels.count
        let weightRows = packedValues + run.batch * heads * valuePanels.count
        pack(run, keys, as: keyPanels, transposes: true, to: packedKeys)
        pack(run, values, as: valuePanels, transposes: false, to: packedValues)
        let blocks = blocks(queries.pixels)
        run.parallelFor(run.batch * heads * blocks) { item, slot in
            let (pair, first) = (item / blocks, item % blocks * Self.block)
            let (image, head) = (pair / heads, pair % heads)
            let count = min(Self.block, queries.pixels - first)
            let weights = weightRows + slot * Self.block * keyStride
            scores(
                run, packedKeys + pair * keyPanels.count, image: image, head: head, first: first, count: count,
                to: weights)
            for row in 0..<count { _ = softmax(weights + row * keyStride, query: first + row) }
            MatrixProduct.multiply(
                rows: count, columns: channels, a: FloatPointer(weights), lda: keyStride, b: valuePanels,
                at: FloatPointer(packedValues + pair * valuePanels.count),
                c: run.activations(output) + image * output.shape.count + first * stride + head * channels, ldc: stride)
        }
        zeroPadding(run, run.activations(output), output.shape, from: output.shape.channels, to: stride)
    }

    func map(_ run: GraphRun, _ part: Part) -> FloatPointer { FloatPointer(run.activations(part.value)) }

    /// Packs a part for products, [batch, heads, panels].
    func pack(
        _ run: GraphRun, _ part: Part, as matrix: PackedMatrix, transposes: Bool, to target: MutableFloatPointer
    ) {
        let map = map(run, part)
        pack(run, matrix, lds: part.stride, transposes: transposes, to: target) {
            place(part, in: map, image: $0, head: $1)
        }
    }

    /// Packs the matrices that start at `source`, one for each image and head.
    func pack(
        _ run: GraphRun, _ matrix: PackedMatrix, lds: Int, transposes: Bool, to target: MutableFloatPointer,
        source: (_ image: Int, _ head: Int) -> FloatPointer
    ) {
        let panels = matrix.panelCount
        run.parallelFor(run.batch * heads * panels) { item, _ in
            let pair = item / panels
            matrix.pack(
                panel: item % panels, source(pair / heads, pair % heads), lds: lds, transposes: transposes,
                to: target + pair * matrix.count)
        }
    }

    /// Writes q k^T / sqrt(c) for `count` queries, from query `first` on, to `rows`.
    func scores(
        _ run: GraphRun, _ packedKeys: MutableFloatPointer, image: Int, head: Int, first: Int, count: Int,
        to rows: MutableFloatPointer
    ) {
        MatrixProduct.multiply(
            rows: count, columns: keys.pixels,
            a: place(queries, in: map(run, queries), image: image, head: head) + first * queries.stride,
            lda: queries.stride, b: columns(keys), at: FloatPointer(packedKeys), c: rows, ldc: keyStride,
            factor: factor)
    }

    /// Replaces a query's row by its softmax, and the floats past its last key by zeros. Returns the largest score and
    /// the factor that made the weights' sum 1.
    func softmax(_ row: MutableFloatPointer, query: Int) -> (largest: Float, factor: Float) {
        let visible = isCausal ? min(query + 1, keys.pixels) : keys.pixels
        // An exponent of minus infinity makes the floats past the last key zero.
        for index in visible..<keyCount { row[index] = -Float.infinity }
        var maxima = FloatVector(repeating: -Float.infinity)
        var index = 0
        while index < keyCount {
            let x = load(row + index)
            maxima = maxima.replacing(with: x, where: x .> maxima)
            index += lanes
        }
        let largest = maxima.max(), shift = FloatVector(repeating: largest)
        var sums = FloatVector.zero
        index = 0
        while index < keyCount {
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
        while index < keyCount {
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
