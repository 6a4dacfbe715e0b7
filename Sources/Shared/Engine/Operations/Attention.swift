/// Attention of the pixels of one map to the pixels of a map: to its own (self-attention) or to another's
/// (cross-attention). For each head of c channels, with queries q and keys k and values v,
///
///     W = softmax over keys of q k^T / sqrt(c),    y = W v
///
/// A causal attention gives a pixel no weight of later pixels. The work is done in blocks of 32 queries. A block goes
/// through the keys piece by piece, so that a piece of its columns of W^T, [keys][32], stays in the first-level cache; W
/// never exists as a whole. All products have a block's 32 queries as columns.
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
    private(set) var precision = ProductPrecision.float32
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
    package var pullbackReadsOutput: Bool { !usesTiles }
    package var savedCount: Int { usesTiles ? 0 : heads * blocks * RunningSoftmax.savedCount }

    package func multiplying(in precision: ProductPrecision) -> Attention {
        var attention = self
        attention.precision = precision
        return attention
    }

    /// Whether products run on tiles; causal attention is of texts, which are short.
    var usesTiles: Bool { precision.usesTiles(pixels: queries.pixels) && !isCausal }

    static let block = 32
    /// Keys of a piece.
    static let pieceKeys = 128
    /// Channels of a head.
    var channels: Int { output.shape.channels / heads }
    var stride: Int { output.shape.stride }
    var factor: Float { 1 / Float(channels).squareRoot() }
    /// Blocks of queries of one image and head.
    var blocks: Int { (queries.pixels + Self.block - 1) / Self.block }
    /// Floats of a piece of a block's columns of W^T.
    var pieceCount: Int { min(Self.pieceKeys, roundUp(keys.pixels, to: 8)) * Self.block }
    /// Floats of a block's q or result, transposed.
    var blockCount: Int { roundUp(channels, to: 8) * Self.block }
    /// Floats from one row to the next of a transposed k or v: a vector keeps rows of 2^n numbers out of one cache set.
    var keyStride: Int { roundUp(keys.pixels, to: lanes) + lanes }
    /// Floats of a transposed k or v of one image and head.
    var transposedCount: Int { channels * keyStride }

    /// 32 queries of one image and head.
    struct Block {
        let pair: Int
        let image: Int
        let head: Int
        /// The first query, and how many there are.
        let first: Int
        let count: Int
    }

    /// Returns block number `index` of all images' and heads'.
    func block(_ index: Int) -> Block {
        let (pair, first) = (index / blocks, index % blocks * Self.block)
        return Block(
            pair: pair, image: pair / heads, head: pair % heads, first: first,
            count: min(Self.block, queries.pixels - first))
    }

    package func scratchCount(_ extent: PlanExtent, pullback: Bool) -> Int {
        let pairs = extent.batch * heads
        guard pullback else {
            if usesTiles { return TiledAttention.scratchCount(self, extent) }
            return pairs * transposedCount + extent.slots * (pieceCount + 2 * blockCount)
        }
        if usesTiles { return TiledAttention.pullbackScratchCount(self, extent) }
        return pullbackScratch(pairs: pairs, slots: extent.slots).count
    }

    /// Returns the start of a part of one image and head in a map, or in its cotangent.
    func place(_ part: Part, in map: FloatPointer, image: Int, head: Int) -> FloatPointer {
        map + image * part.value.shape.count + part.first + head * channels
    }

    func place(_ part: Part, in map: MutableFloatPointer, image: Int, head: Int) -> MutableFloatPointer {
        map + image * part.value.shape.count + part.first + head * channels
    }

    func map(_ run: GraphRun, _ part: Part) -> FloatPointer { FloatPointer(run.activations(part.value)) }

    package func forward(_ run: GraphRun) {
        if usesTiles { return TiledAttention(self, run).forward() }
        let pairs = run.batch * heads
        let transposed = run.scratch, own = transposed + pairs * transposedCount
        transpose(run, values, to: transposed)
        run.parallelFor(pairs * blocks) { item, slot in
            let block = block(item)
            let piece = own + slot * (pieceCount + 2 * blockCount), small = piece + pieceCount
            let result = small + blockCount
            transpose(start(run, queries, block), stride: queries.stride, block, to: small)
            let softmax = sum(
                run, block, values: FloatPointer(transposed + block.pair * transposedCount),
                queries: FloatPointer(small), piece: piece, result: result)
            softmax.save(saved(run, block))
            write(run, block, result, factors: softmax.inverseSums)
        }
        zeroPadding(run, run.activations(output), output.shape, from: output.shape.channels, to: stride)
    }

    /// Computes a block of y^T without its factors, [channels][32].
    private func sum(
        _ run: GraphRun, _ block: Block, values: FloatPointer, queries: FloatPointer, piece: MutableFloatPointer,
        result: MutableFloatPointer
    ) -> RunningSoftmax {
        var softmax = RunningSoftmax(factor: factor)
        for first in Swift.stride(from: 0, to: keys.pixels, by: Self.pieceKeys) {
            let keys = first..<min(first + Self.pieceKeys, self.keys.pixels)
            products(run, self.keys, keys, block, with: queries, to: piece)
            if isCausal { mask(piece, keys, block, with: -.infinity) }
            let shrink = softmax.replace(piece, count: keys.count)
            if isCausal { mask(piece, keys, block, with: 0) }
            if first > 0 { scale(result, by: shrink) }
            MatrixProduct.multiply(
                rows: channels, depth: keys.count, a: values + first, lda: keyStride, b: FloatPointer(piece),
                c: result, adds: first > 0)
        }
        return softmax
    }

    /// Scales a block's result so far, [channels][32].
    func scale(_ result: MutableFloatPointer, by factors: (FloatVector, FloatVector)) {
        for place in Swift.stride(from: result, to: result + channels * Self.block, by: Self.block) {
            store(factors.0 * load(place), place)
            store(factors.1 * load(place + lanes), place + lanes)
        }
    }

    /// Writes a block of y, whose transpose is `result` without its factors, one for each query.
    func write(
        _ run: GraphRun, _ block: Block, _ result: MutableFloatPointer, factors: (FloatVector, FloatVector)
    ) {
        scale(result, by: factors)
        let target = run.activations(output) + block.image * output.shape.count + block.head * channels
        for query in 0..<block.count {
            for channel in 0..<channels {
                target[(block.first + query) * stride + channel] = result[channel * Self.block + query]
            }
        }
    }

    /// Returns the place of what a forward run keeps of a block's softmax.
    func saved(_ run: GraphRun, _ block: Block) -> MutableFloatPointer {
        run.saved + (block.pair * blocks + block.first / Self.block) * RunningSoftmax.savedCount
    }

    /// Writes a part of every image and head, transposed, to `target`, [images, heads, channels, key stride].
    func transpose(_ run: GraphRun, _ part: Part, to target: MutableFloatPointer) {
        let map = map(run, part), pieces = (part.pixels + 63) / 64
        run.parallelFor(run.batch * heads * pieces) { item, _ in
            let (pair, first) = (item / pieces, item % pieces * 64)
            MatrixProduct.transpose(
                rows: min(64, part.pixels - first), columns: channels,
                place(part, in: map, image: pair / heads, head: pair % heads) + first * part.stride, lds: part.stride,
                to: target + pair * transposedCount + first, ldt: keyStride)
        }
    }

    /// Returns the start of a block's vectors of a part.
    func start(_ run: GraphRun, _ part: Part, _ block: Block) -> FloatPointer {
        place(part, in: map(run, part), image: block.image, head: block.head) + block.first * part.stride
    }

    /// Writes a block's vectors of queries' channels, transposed, to `target`, [channels][32].
    func transpose(_ vectors: FloatPointer, stride: Int, _ block: Block, to target: MutableFloatPointer) {
        if block.count < Self.block { target.update(repeating: 0, count: blockCount) }
        MatrixProduct.transpose(
            rows: block.count, columns: channels, vectors, lds: stride, to: target, ldt: Self.block)
    }

    /// Writes the products of some keys' vectors of a part with a block's, [channels][32], to `target`, [keys][32].
    func products(
        _ run: GraphRun, _ part: Part, _ keys: Range<Int>, _ block: Block, with vectors: FloatPointer,
        to target: MutableFloatPointer
    ) {
        let start = place(part, in: map(run, part), image: block.image, head: block.head)
        MatrixProduct.multiply(
            rows: keys.count, depth: channels, a: start + keys.lowerBound * part.stride, lda: part.stride, b: vectors,
            c: target)
    }

    /// Overwrites what belongs to keys behind the query in a piece of W^T.
    func mask(_ piece: MutableFloatPointer, _ keys: Range<Int>, _ block: Block, with value: Float) {
        for key in keys where key > block.first {
            for query in 0..<min(Self.block, key - block.first) {
                piece[(key - keys.lowerBound) * Self.block + query] = value
            }
        }
    }

    /// Returns a sum over all keys. `add` returns a partial sum and the key's term. There are 16 partial sums, each of
    /// every sixteenth key.
    @inline(__always)
    func sumOverKeys(_ add: (_ key: Int, _ sum: FloatVector) -> FloatVector) -> FloatVector {
        withUnsafeTemporaryAllocation(of: FloatVector.self, capacity: lanes) { sums in
            sums.update(repeating: .zero)
            for first in Swift.stride(from: 0, to: keys.pixels, by: lanes) {
                for index in 0..<min(lanes, keys.pixels - first) {
                    sums[index] = add(first + index, sums[index])
                }
            }
            return sums.reduce(.zero, +)
        }
    }

    /// Sets the floats `first`..<`end` of every pixel to zero.
    func zeroPadding(_ run: GraphRun, _ map: MutableFloatPointer, _ shape: MapShape, from first: Int, to end: Int) {
        guard first < end else { return }
        for pixel in 0..<run.batch * shape.pixels {
            for index in first..<end { map[pixel * shape.stride + index] = 0 }
        }
    }
}
