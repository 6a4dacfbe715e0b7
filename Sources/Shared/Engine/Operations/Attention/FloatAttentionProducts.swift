/// Products in Float, on the inner loop of the convolutions. Rows of keys are read where they lie.
struct FloatAttentionProducts: AttentionProducts {
    private let attention: Attention
    private let queryRows: PackedMatrix
    private let keySums: PackedMatrix

    init(_ attention: Attention) {
        self.attention = attention
        queryRows = PackedMatrix(rows: attention.blocks * Attention.block, columns: attention.channels)
        keySums = PackedMatrix(rows: attention.rangeKeys, columns: attention.channels)
    }

    static let pieceKeys = 128

    /// Floats from one row to the next of a transposed k or v: a vector keeps rows of 2^n numbers out of one cache set.
    private var columnStride: Int { roundUp(attention.keys.pixels, to: lanes) + lanes }

    let rowCount = 0
    var columnCount: Int { attention.channels * columnStride }
    var vectorCount: Int { attention.channels * Attention.block }
    var queryCount: Int { queryRows.count }
    var sumCount: Int { keySums.count }
    let ownCount = 0

    func begin() {}
    func end() {}

    func layOutRows(_ run: GraphRun, _ part: Attention.Part, to target: MutableFloatPointer) {}

    func layOutColumns(_ run: GraphRun, _ part: Attention.Part, to target: MutableFloatPointer) {
        attention.forEachChunk(run, part) { pair, first, count, source in
            MatrixProduct.transpose(
                rows: count, columns: attention.channels, source, lds: part.stride,
                to: target + pair * columnCount + first, ldt: columnStride)
        }
    }

    func layOut(_ vectors: FloatPointer, stride: Int, _ block: Attention.Block, to target: MutableFloatPointer) {
        if block.count < Attention.block { target.update(repeating: 0, count: vectorCount) }
        MatrixProduct.transpose(
            rows: block.count, columns: attention.channels, vectors, lds: stride, to: target, ldt: Attention.block)
    }

    func layOutQueries(_ vectors: FloatPointer, stride: Int, _ block: Attention.Block, to target: MutableFloatPointer) {
        queryRows.pack(
            vectors, rows: block.first..<block.first + Attention.block, count: block.count, lds: stride, to: target)
    }

    func multiply(
        _ run: GraphRun, _ part: Attention.Part, rows: MutableFloatPointer, keys: Range<Int>, _ block: Attention.Block,
        vectors: MutableFloatPointer, to piece: MutableFloatPointer
    ) {
        let start = attention.place(part, in: attention.map(run, part), image: block.image, head: block.head)
        MatrixProduct.multiply(
            rows: keys.count, depth: attention.channels, a: start + keys.lowerBound * part.stride, lda: part.stride,
            b: FloatPointer(vectors), c: piece)
    }

    func multiply(
        columns: MutableFloatPointer, keys: Range<Int>, piece: MutableFloatPointer, own: MutableFloatPointer,
        to result: MutableFloatPointer, adds: Bool
    ) {
        MatrixProduct.multiply(
            rows: attention.channels, depth: keys.count, a: FloatPointer(columns + keys.lowerBound),
            lda: columnStride, b: FloatPointer(piece), c: result, adds: adds)
    }

    func addToKeys(
        _ pieces: MutableFloatPointer, keyCount: Int, blocks: Range<Int>, queries: MutableFloatPointer,
        own: MutableFloatPointer, sums: MutableFloatPointer, first: Int
    ) {
        withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: 8 * blocks.count) { rows in
            guard let rows = rows.baseAddress else { return }
            for key in stride(from: 0, to: keyCount, by: 8) {
                for place in 0..<8 * blocks.count {
                    let row = min(key + place % 8, keyCount - 1)
                    rows[place] = FloatPointer(
                        pieces + place / 8 * attention.pieceCount(Self.self) + row * Attention.block)
                }
                for panel in 0..<queryRows.panelCount {
                    let width = queryRows.width(ofPanel: panel)
                    multiplyPanel(
                        width: width, taps: blocks.count, rows: rows, depth: Attention.block,
                        panel: FloatPointer(queries)
                            + queryRows.place(ofPanel: panel) + blocks.lowerBound * Attention.block * width,
                        c: sums + keySums.place(ofPanel: panel) + (first + key) * width, ldc: width,
                        continues: blocks.lowerBound > 0)
                }
            }
        }
    }

    func sumPlace(key: Int, channel: Int) -> Int {
        let panel = channel / 32
        return keySums.place(ofPanel: panel) + key * keySums.width(ofPanel: panel) + channel % 32
    }
}
