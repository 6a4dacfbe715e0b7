import Synchronization
import Tensors

/// The Chamfer distances of every cloud of one set to every cloud of another, or of the same set.
package struct CloudDistances: Sendable {
    package let rows: Int
    package let columns: Int
    /// Row by row.
    package let values: [Double]

    package subscript(row: Int, column: Int) -> Double { values[row * columns + column] }

    /// Returns the distances between two sets, on the pool's threads. `advance` is told when a row is complete.
    static func between(
        _ a: [CloudLeaves], _ b: [CloudLeaves], pool: ThreadPool, advance: @escaping @Sendable () -> Void
    ) -> CloudDistances {
        let rows = table(a.count, pool: pool) { row in
            var distance = ChamferDistance()
            defer { advance() }
            return b.map { distance(a[row], $0) }
        }
        return CloudDistances(rows: a.count, columns: b.count, values: rows.flatMap(\.self))
    }

    /// Returns the distances within a set. Each pair is computed once.
    static func within(
        _ a: [CloudLeaves], pool: ThreadPool, advance: @escaping @Sendable () -> Void
    ) -> CloudDistances {
        let upper = table(a.count, pool: pool) { row in
            var distance = ChamferDistance()
            defer { advance() }
            return a[(row + 1)...].map { distance(a[row], $0) }
        }
        var values = [Double](repeating: 0, count: a.count * a.count)
        for row in a.indices {
            for column in row + 1..<max(a.count, row + 1) {
                values[row * a.count + column] = upper[row][column - row - 1]
                values[column * a.count + row] = upper[row][column - row - 1]
            }
        }
        return CloudDistances(rows: a.count, columns: a.count, values: values)
    }

    private static func table(_ count: Int, pool: ThreadPool, row: (Int) -> [Double]) -> [[Double]] {
        let rows = Mutex([[Double]](repeating: [], count: count))
        pool.parallelFor(count) { index, _ in
            let values = row(index)
            rows.withLock { $0[index] = values }
        }
        return rows.withLock { $0 }
    }
}
