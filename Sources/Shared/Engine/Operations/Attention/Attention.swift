/// Attention of the pixels of one map to the pixels of a map: to its own (self-attention) or to another's
/// (cross-attention). For each head of c channels, with queries q and keys k and values v,
///
///     W = softmax over keys of q k^T / sqrt(c),    y = W v
///
/// A causal attention gives a pixel no weight of later pixels. The work is done in blocks of 32 queries. A block goes
/// through the keys piece by piece, so that a piece of its columns of W^T, [keys][32], stays in the first-level cache; W
/// never exists as a whole.
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
    package var pullbackReadsOutput: Bool { true }
    package var savedCount: Int { heads * blocks * RunningSoftmax.savedCount }

    package func multiplying(in precision: ProductPrecision) -> Attention {
        var attention = self
        attention.precision = precision
        return attention
    }

    /// Whether products run on tiles. Causal attention reads texts, which are short, so it stays in Float.
    var usesTiles: Bool { precision.usesTiles(pixels: queries.pixels) && !isCausal }

    static let block = 32
    /// Channels of a head.
    var channels: Int { output.shape.channels / heads }
    var stride: Int { output.shape.stride }
    var factor: Float { 1 / Float(channels).squareRoot() }
    /// Blocks of queries of one image and head.
    var blocks: Int { (queries.pixels + Self.block - 1) / Self.block }
    /// Floats of a piece of a block's columns of W^T.
    func pieceCount<Products: AttentionProducts>(_ type: Products.Type) -> Int {
        min(Products.pieceKeys, roundUp(keys.pixels, to: 32)) * Self.block
    }
    /// Floats of a block's result, transposed.
    var resultCount: Int { roundUp(channels, to: 32) * Self.block }

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
        usesTiles
            ? scratchCount(TileAttentionProducts(self), extent, pullback: pullback)
            : scratchCount(FloatAttentionProducts(self), extent, pullback: pullback)
    }

    private func scratchCount(_ products: some AttentionProducts, _ extent: PlanExtent, pullback: Bool) -> Int {
        pullback ? PullbackScratch(self, products, extent).count : ForwardScratch(self, products, extent).count
    }

    package func forward(_ run: GraphRun) {
        if usesTiles { forward(run, TileAttentionProducts(self)) } else { forward(run, FloatAttentionProducts(self)) }
    }

    package func pullback(_ run: GraphRun) {
        if usesTiles { pullback(run, TileAttentionProducts(self)) } else { pullback(run, FloatAttentionProducts(self)) }
    }

    /// Returns the start of a part of one image and head in a map, or in its cotangent.
    func place(_ part: Part, in map: FloatPointer, image: Int, head: Int) -> FloatPointer {
        map + image * part.value.shape.count + part.first + head * channels
    }

    func place(_ part: Part, in map: MutableFloatPointer, image: Int, head: Int) -> MutableFloatPointer {
        map + image * part.value.shape.count + part.first + head * channels
    }

    func map(_ run: GraphRun, _ part: Part) -> FloatPointer { FloatPointer(run.activations(part.value)) }

    /// Returns the start of a block's vectors of a part.
    func start(_ run: GraphRun, _ part: Part, _ block: Block) -> FloatPointer {
        place(part, in: map(run, part), image: block.image, head: block.head) + block.first * part.stride
    }

    /// Calls `body` for up to 64 pixels of a part at a time, for every image and head, with the first pixel's place.
    func forEachChunk(
        _ run: GraphRun, _ part: Part,
        _ body: (_ pair: Int, _ first: Int, _ count: Int, _ source: FloatPointer) -> Void
    ) {
        let map = map(run, part), chunks = (part.pixels + 63) / 64
        run.parallelFor(run.batch * heads * chunks) { item, _ in
            let (pair, first) = (item / chunks, item % chunks * 64)
            let source = place(part, in: map, image: pair / heads, head: pair % heads) + first * part.stride
            body(pair, first, min(64, part.pixels - first), source)
        }
    }

    /// Returns the place of what a forward run keeps of a block's softmax.
    func saved(_ run: GraphRun, _ block: Block) -> MutableFloatPointer {
        run.saved + (block.pair * blocks + block.first / Self.block) * RunningSoftmax.savedCount
    }

    /// Overwrites what belongs to keys behind the query in a piece of W^T, if the attention is causal.
    func mask(_ piece: MutableFloatPointer, _ keys: Range<Int>, _ block: Block, with value: Float) {
        guard isCausal else { return }
        for key in keys where key > block.first {
            for query in 0..<min(Self.block, key - block.first) {
                piece[(key - keys.lowerBound) * Self.block + query] = value
            }
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
