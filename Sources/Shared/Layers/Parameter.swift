import Diagnostics
import Synchronization

/// A weight tensor that is read when it is first needed.
package struct Parameter: Sendable {
    package let name: String
    package let shape: [Int]
    private let read: @Sendable () throws -> [Float]

    /// - Parameter read: the elements in row-major order.
    package init(name: String, shape: [Int], read: @escaping @Sendable () throws -> [Float]) {
        self.name = name
        self.shape = shape
        self.read = read
    }

    package init(name: String, shape: [Int], elements: [Float]) {
        self.init(name: name, shape: shape) { elements }
    }

    package var count: Int { shape.reduce(1, *) }

    /// The elements; a source that gives another number of them is corrupt.
    package func load() throws -> [Float] {
        let elements = try read()
        guard elements.count == count else {
            throw Failure(.data, place: name, "has \(elements.count) elements where the network needs \(count)")
        }
        return elements
    }

    /// The same with every element times `factor`.
    package func scaled(by factor: Float) -> Parameter {
        Parameter(name: name, shape: shape) { try load().map { factor * $0 } }
    }

    /// The same with the first dimension's rows in another order: row i of the result is row `order[i]`.
    package func reordered(rows order: [Int]) -> Parameter {
        let size = count / max(shape.first ?? 1, 1)
        return Parameter(name: name, shape: shape) {
            let elements = try load()
            return order.flatMap { elements[$0 * size..<($0 + 1) * size] }
        }
    }
}

/// A value that is made once, by whoever comes first.
final class Lazily<Value: Sendable>: Sendable {
    private let stored = Mutex<Value?>(nil)

    /// Makes the value unless it is there.
    func prepare(_ make: () throws -> Value) rethrows {
        try stored.withLock { if $0 == nil { $0 = try make() } }
    }

    var value: Value? { stored.withLock { $0 } }
}
