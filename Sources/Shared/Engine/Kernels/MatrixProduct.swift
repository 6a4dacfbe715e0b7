/// Products of matrices that are computed at run time (in attention), on the inner loop of the convolutions. All run on
/// the calling thread.
enum MatrixProduct {
    /// Sets C to factor A B, or adds factor A B to C if `adds`, for A [rows, depth] and B [depth, columns], row-major
    /// with row strides `lda`, `ldb` and `ldc`. Reads up to 31 floats past the end of B's rows.
    static func multiply(
        rows: Int, columns: Int, depth: Int, a: FloatPointer, lda: Int, b: FloatPointer, ldb: Int,
        c: MutableFloatPointer, ldc: Int,
        factor: Float = 1, adds: Bool = false
    ) {
        withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: 8) { table in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { sums in
                guard let table = table.baseAddress, let sums = sums.baseAddress else { return }
                var column = 0
                while column < columns {
                    let width = min(32, columns - column)
                    var row = 0
                    while row < rows {
                        let valid = min(8, rows - row)
                        for index in 0..<8 { table[index] = a + (row + min(index, valid - 1)) * lda }
                        multiply8x32(taps: 1, rows: table, depth: depth, b: b + column, ldb: ldb, c: sums, ldc: 32)
                        for index in 0..<valid {
                            put(sums + index * 32, c + (row + index) * ldc + column, width, factor, adds)
                        }
                        row += 8
                    }
                    column += 32
                }
            }
        }
    }

    @inline(__always)
    private static func put(
        _ sums: MutableFloatPointer, _ target: MutableFloatPointer, _ width: Int, _ factor: Float, _ adds: Bool
    ) {
        for index in 0..<width {
            let value = factor * sums[index]
            target[index] = adds ? target[index] + value : value
        }
    }

    /// Sets target[j][i] to source[i][j] for i < rows and j < columns.
    static func transpose(
        rows: Int, columns: Int, _ source: FloatPointer, lds: Int, _ target: MutableFloatPointer, ldt: Int
    ) {
        var i = 0
        while i < rows {
            let end = min(i + 16, rows)
            for j in 0..<columns {
                var k = i
                while k < end {
                    target[j * ldt + k] = source[k * lds + j]
                    k += 1
                }
            }
            i += 16
        }
    }
}
