import CProcessor

/// Products in bfloat16 on the processor's tiles. All factors are rounded when they are laid out.
struct TileAttentionProducts: AttentionProducts {
    private let attention: Attention
    /// k or v, a row for each key.
    private let keyRows: TileRows
    /// k or v, a row for each channel.
    private let channelRows: TileRows
    /// 32 vectors of q or g, and their transpose.
    private let vectorRows: TileRows
    private let vectorSteps: TileSteps
    /// A piece of W^T or S^T as a right factor.
    private let pieceSteps: TileSteps
    /// Some blocks' pieces as a left factor: a row for each key.
    private let pieceRows: TileRows
    /// 32 channels of a head's q or g: a row for each query.
    private let queryPanel: TileSteps

    init(_ attention: Attention) {
        self.attention = attention
        keyRows = TileRows(rows: attention.keys.pixels, depth: attention.channels)
        channelRows = TileRows(rows: attention.channels, depth: attention.keys.pixels)
        vectorRows = TileRows(rows: Attention.block, depth: attention.channels)
        vectorSteps = TileSteps(depth: attention.channels)
        pieceSteps = TileSteps(depth: Self.pieceKeys)
        pieceRows = TileRows(rows: Self.pieceKeys, depth: Attention.stepBlocks * Attention.block)
        queryPanel = TileSteps(depth: attention.blocks * Attention.block)
    }

    static let pieceKeys = 256

    /// Panels of 32 channels.
    private var panels: Int { (attention.channels + 31) / 32 }

    var rowCount: Int { keyRows.floats }
    var columnCount: Int { channelRows.floats }
    var vectorCount: Int { vectorSteps.floats }
    var queryCount: Int { panels * queryPanel.floats }
    var sumCount: Int { panels * attention.rangeKeys * 32 }
    var ownCount: Int { max(pieceSteps.floats, pieceRows.floats) }

    func begin() { processor_begin_tiles() }
    func end() { processor_end_tiles() }

    private func halves(_ place: MutableFloatPointer) -> MutableHalfPointer {
        UnsafeMutableRawPointer(place).assumingMemoryBound(to: UInt16.self)
    }

    func layOutRows(_ run: GraphRun, _ part: Attention.Part, to target: MutableFloatPointer) {
        attention.forEachChunk(run, part) { pair, first, count, source in
            for row in 0..<count {
                keyRows.round(
                    source + row * part.stride, count: attention.channels, row: first + row, first: 0,
                    of: halves(target + pair * rowCount))
            }
        }
    }

    func layOutColumns(_ run: GraphRun, _ part: Attention.Part, to target: MutableFloatPointer) {
        attention.forEachChunk(run, part) { pair, first, count, source in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: attention.channels * 64) { columns in
                guard let columns = columns.baseAddress else { return }
                MatrixProduct.transpose(
                    rows: count, columns: attention.channels, source, lds: part.stride, to: columns, ldt: 64)
                for channel in 0..<attention.channels {
                    channelRows.round(
                        FloatPointer(columns + channel * 64), count: count, row: channel, first: first,
                        of: halves(target + pair * columnCount))
                }
            }
        }
    }

    func layOut(_ vectors: FloatPointer, stride: Int, _ block: Attention.Block, to target: MutableFloatPointer) {
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: vectorRows.rows * vectorRows.stride) { rows in
            guard let rows = rows.baseAddress else { return }
            rows.update(repeating: 0, count: vectorRows.rows * vectorRows.stride)
            for query in 0..<block.count {
                vectorRows.round(
                    vectors + query * stride, count: attention.channels, row: query, first: 0, of: rows)
            }
            vectorSteps.transpose(vectorRows, rows, to: halves(target))
        }
    }

    func layOutQueries(_ vectors: FloatPointer, stride: Int, _ block: Attention.Block, to target: MutableFloatPointer) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 1024) { square in
            guard let square = square.baseAddress else { return }
            for panel in 0..<panels {
                square.update(repeating: 0, count: 1024)
                for row in 0..<block.count {
                    (square + row * 32).update(
                        from: vectors + row * stride + panel * 32, count: min(32, attention.channels - panel * 32))
                }
                queryPanel.round(
                    FloatPointer(square), step: block.first / 32, of: halves(target + panel * queryPanel.floats))
            }
        }
    }

    func multiply(
        rows: MutableFloatPointer, keys: Range<Int>, vectors: MutableFloatPointer, to piece: MutableFloatPointer
    ) {
        TileProduct.multiply(keyRows, halves(rows), rows: keys, vectorSteps, halves(vectors), c: piece)
    }

    func multiply(
        columns: MutableFloatPointer, keys: Range<Int>, piece: MutableFloatPointer, own: MutableFloatPointer,
        to result: MutableFloatPointer, adds: Bool
    ) {
        let steps = (keys.count + 31) / 32
        (piece + keys.count * 32).update(repeating: 0, count: (steps * 32 - keys.count) * 32)
        for step in 0..<steps { pieceSteps.round(FloatPointer(piece + step * 1024), step: step, of: halves(own)) }
        TileProduct.multiply(
            channelRows, halves(columns), rows: 0..<attention.channels,
            depth: keys.lowerBound / 32..<keys.lowerBound / 32 + steps, pieceSteps, halves(own), c: result, adds: adds)
    }

    func addToKeys(
        _ pieces: MutableFloatPointer, keyCount: Int, blocks: Range<Int>, queries: MutableFloatPointer,
        own: MutableFloatPointer, sums: MutableFloatPointer, first: Int
    ) {
        for place in 0..<blocks.count {
            let piece = pieces + place * attention.pieceCount(Self.self)
            for key in 0..<keyCount {
                pieceRows.round(
                    FloatPointer(piece + key * 32), count: 32, row: key, first: place * 32, of: halves(own))
            }
        }
        let run = processor_depth_run(a: 0, b: 2 * blocks.lowerBound * TileSteps.size, steps: blocks.count)
        for panel in 0..<panels {
            let right = halves(queries + panel * queryPanel.floats)
            let place = sums + sumPlace(key: first, channel: panel * 32)
            withUnsafePointer(to: run) { run in
                for key in stride(from: 0, to: keyCount, by: 32) {
                    processor_multiply_tiles(
                        halves(own) + key * pieceRows.stride, 2 * pieceRows.stride, right, run, 1, place + key * 32,
                        32, attention.channels - panel * 32, blocks.lowerBound > 0 ? 1 : 0, nil, 0)
                }
            }
        }
    }

    func sumPlace(key: Int, channel: Int) -> Int {
        (channel / 32 * attention.rangeKeys + key) * 32 + channel % 32
    }
}
