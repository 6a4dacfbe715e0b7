/// Products of matrices that are computed at run time (in attention), on the inner loop of the convolutions. All run on
/// the calling thread.
enum MatrixProduct {
    /// Sets C to factor A B, or adds factor A B to C if `adds`, for A [rows, depth], row-major with row stride `lda`,
    /// and B packed. Only the first `columns` columns of B are used. C has row stride `ldc`.
    static func multiply(
        rows: Int, columns: Int, a: FloatPointer, lda: Int, b: PackedMatrix, at panels: FloatPointer,
        c: MutableFloatPointer, ldc: Int, factor: Float = 1, adds: Bool = false
    ) {
        withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: 8) { table in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { sums in
                guard let table = table.baseAddress, let sums = sums.baseAddress else { return }
                for panel in 0..<b.panelCount {
                    let (column, width) = (panel * 32, b.width(ofPanel: panel))
                    var row = 0
                    while row < rows {
                        let valid = min(8, rows - row)
                        for index in 0..<8 { table[index] = a + (row + min(index, valid - 1)) * lda }
                        multiplyPanel(
                            width: width, taps: 1, rows: table, depth: b.rows, panel: panels + column * b.rows,
                            c: sums, ldc: width)
                        for index in 0..<valid {
                            put(
                                sums + index * width, c + (row + index) * ldc + column, min(width, columns - column),
                                factor, adds)
                        }
                        row += 8
                    }
                }
            }
        }
    }

    @inline(__always)
    private static func put(
        _ sums: MutableFloatPointer, _ target: MutableFloatPointer, _ width: Int, _ factor: Float, _ adds: Bool
    ) {
        let factors = FloatVector(repeating: factor)
        var index = 0
        while index + lanes <= width {
            let value = factors * load(sums + index)
            store(adds ? load(target + index) + value : value, target + index)
            index += lanes
        }
        while index < width {
            let value = factor * sums[index]
            target[index] = adds ? target[index] + value : value
            index += 1
        }
    }
}

/// A matrix laid out for the inner loop as a `PanelMatrix` is, in memory that the caller provides.
struct PackedMatrix {
    let rows: Int
    let columns: Int

    /// Columns with their padding.
    private var width: Int { roundUp(columns, to: lanes) }
    /// Floats of the panels.
    var count: Int { rows * width }
    var panelCount: Int { (width + 31) / 32 }
    func width(ofPanel index: Int) -> Int { min(32, width - index * 32) }

    /// Writes one panel; `target` is the start of all. The source is row-major with row stride `lds`: this matrix, or
    /// its transpose if `transposes`.
    func pack(
        panel: Int, _ source: FloatPointer, lds: Int, transposes: Bool, to target: MutableFloatPointer
    ) {
        let (first, width) = (panel * 32, width(ofPanel: panel))
        let valid = min(width, columns - first)
        let place = target + first * rows
        if valid < width { place.update(repeating: 0, count: rows * width) }
        if transposes {
            for column in 0..<valid {
                let line = source + (first + column) * lds
                for row in 0..<rows { place[row * width + column] = line[row] }
            }
        } else {
            for row in 0..<rows { (place + row * width).update(from: source + row * lds + first, count: valid) }
        }
    }
}
