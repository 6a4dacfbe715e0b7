/// Products in Float, on the inner loop of the convolutions. k and v are copied: in a map their rows lie a whole pixel
/// apart, so that a product would fetch most cache lines for a part only.
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

    /// Transposed k and v lie as [groups][channels][columnKeys] in groups of so many keys. This number divides `rangeKeys`
    /// and `pieceKeys`, so that every piece begins with a group.
    private var columnKeys: Int { attention.rangeKeys % Self.pieceKeys == 0 ? Self.pieceKeys : 64 }

    var rowCount: Int { roundUp(attention.keys.pixels * attention.channels, to: lanes) }
    var columnCount: Int { attention.channels * roundUp(attention.keys.pixels, to: columnKeys) }
    var vectorCount: Int { attention.channels * Attention.block }
    var queryCount: Int { queryRows.count }
    var sumCount: Int { keySums.count }
    let ownCount = 0

    func begin() {}
    func end() {}

    func layOutRows(_ run: GraphRun, _ part: Attention.Part, to target: MutableFloatPointer) {
        let channels = attention.channels
        attention.forEachChunk(run, part) { pair, first, count, source in
            let start = target + pair * rowCount + first * channels
            for row in 0..<count {
                (start + row * channels).update(from: source + row * part.stride, count: channels)
            }
        }
    }

    func layOutColumns(_ run: GraphRun, _ part: Attention.Part, to target: MutableFloatPointer) {
        attention.forEachChunk(run, part) { pair, first, count, source in
            let start = first / columnKeys * columnKeys
            MatrixProduct.transpose(
                rows: count, columns: attention.channels, source, lds: part.stride,
                to: target + pair * columnCount + start * attention.channels + first - start, ldt: columnKeys)
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
        rows: MutableFloatPointer, keys: Range<Int>, vectors: MutableFloatPointer, to piece: MutableFloatPointer
    ) {
        let channels = attention.channels
        MatrixProduct.multiply(
            rows: keys.count, depth: channels, a: FloatPointer(rows + keys.lowerBound * channels), lda: channels,
            b: FloatPointer(vectors), c: piece)
    }

    func multiply(
        columns: MutableFloatPointer, keys: Range<Int>, piece: MutableFloatPointer, own: MutableFloatPointer,
        to result: MutableFloatPointer, adds: Bool
    ) {
        for first in stride(from: keys.lowerBound, to: keys.upperBound, by: columnKeys) {
            MatrixProduct.multiply(
                rows: attention.channels, depth: min(columnKeys, keys.upperBound - first),
                a: FloatPointer(columns + first * attention.channels), lda: columnKeys,
                b: FloatPointer(piece + (first - keys.lowerBound) * Attention.block), c: result,
                adds: adds || first > keys.lowerBound)
        }
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
