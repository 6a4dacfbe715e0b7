import CProcessor

typealias MutableHalfPointer = UnsafeMutablePointer<UInt16>

/// The left factor of a product on tiles: rows of bfloat16 numbers.
struct TileRows {
    let rows: Int
    /// Numbers of a row, a multiple of 32.
    let depth: Int
    /// Numbers from one row to the next: 32 more keep long rows of 2^n numbers out of one cache set.
    let stride: Int

    init(rows: Int, depth: Int) {
        self.rows = roundUp(rows, to: 32)
        self.depth = roundUp(depth, to: 32)
        stride = self.depth % 512 == 0 ? self.depth + 32 : self.depth
    }

    /// Floats of memory that the rows take.
    var floats: Int { rows * stride / 2 }

    /// Writes numbers of a row from column `first`, a multiple of 16, on, and zeros behind them up to a multiple of 32.
    func round(_ source: FloatPointer, count: Int, row: Int, first: Int, of start: MutableHalfPointer) {
        let target = start + row * stride + first
        let whole = count / lanes * lanes
        processor_round(source, target, whole)
        guard count % 32 != 0 else { return }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 32) { rest in
            guard let rest = rest.baseAddress else { return }
            rest.update(repeating: 0, count: 32)
            for index in whole..<count { rest[index - whole] = source[index] }
            processor_round(rest, target + whole, roundUp(count, to: 32) - whole)
        }
    }
}

/// The right factor of a product on tiles: steps of 32 rows and 32 columns.
struct TileSteps {
    let steps: Int
    /// Numbers of a step.
    static let size = 1024

    init(depth: Int) { steps = (depth + 31) / 32 }

    /// Floats of memory that the steps take.
    var floats: Int { steps * Self.size / 2 }

    /// Writes 32 rows of 32 columns, [32][32], as step `step`.
    func round(_ rows: FloatPointer, step: Int, of start: MutableHalfPointer) {
        let target = start + step * Self.size
        for half in 0..<2 {
            for pair in 0..<16 {
                let first = rows + pair * 64 + half * lanes, place = target + half * 512 + pair * 32
                processor_round_pairs(first, first + 32, place)
            }
        }
    }

    /// Writes the transpose of 32 rows of `rows`, of which a row has as many numbers as this factor has rows.
    func transpose(_ rows: TileRows, _ source: MutableHalfPointer, to start: MutableHalfPointer) {
        for step in 0..<steps {
            for half in 0..<2 {
                // A pair of bfloat16 numbers moves as one Float would.
                let place = source + half * 16 * rows.stride + step * 32
                let target = start + step * Self.size + half * 512
                processor_transpose_16x16(
                    UnsafeRawPointer(place).assumingMemoryBound(to: Float.self), rows.stride / 2,
                    UnsafeMutableRawPointer(target).assumingMemoryBound(to: Float.self), 16)
            }
        }
    }
}

/// Products on tiles of matrices that are computed at run time (in attention).
enum TileProduct {
    /// Steps of the depth that go to all rows before the next do: 80 KiB of the right factor.
    private static let blockSteps = 40

    /// Sets C, [rows][32], to the product of rows and steps, or adds it if `adds`. There must be memory for a multiple of
    /// 32 rows of C. Tiles must be begun.
    ///
    /// - Parameters:
    ///   - depth: the part of the rows that is multiplied, in steps; nil for all. The right factor has this part only.
    static func multiply(
        _ a: TileRows, _ left: MutableHalfPointer, rows: Range<Int>, depth: Range<Int>? = nil, _ b: TileSteps,
        _ right: MutableHalfPointer, c: MutableFloatPointer, adds: Bool = false
    ) {
        let depth = depth ?? 0..<b.steps
        for first in stride(from: 0, to: depth.count, by: blockSteps) {
            let run = processor_depth_run(
                a: 2 * (depth.lowerBound + first) * 32, b: 2 * first * TileSteps.size,
                steps: min(blockSteps, depth.count - first))
            withUnsafePointer(to: run) { run in
                for row in stride(from: rows.lowerBound, to: rows.upperBound, by: 32) {
                    processor_multiply_tiles(
                        left + row * a.stride, 2 * a.stride, right, run, 1,
                        c + (row - rows.lowerBound) * 32, rows.upperBound - row, 32, adds || first > 0 ? 1 : 0,
                        nil, 0)
                }
            }
        }
    }
}
