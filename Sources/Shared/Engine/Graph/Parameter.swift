import Diagnostics
import Synchronization

/// A weight tensor that is read when it is first needed.
package struct Parameter: Sendable {
    package let name: String
    package let shape: [Int]
    /// Calls its argument once with the elements in row-major order.
    package typealias Access = @Sendable ((UnsafeBufferPointer<Float>) throws -> Void) throws -> Void

    private let access: Access

    package init(name: String, shape: [Int], access: @escaping Access) {
        self.name = name
        self.shape = shape
        self.access = access
    }

    /// - Parameter read: the elements in row-major order.
    package init(name: String, shape: [Int], read: @escaping @Sendable () throws -> [Float]) {
        self.init(name: name, shape: shape, access: { body in try read().withUnsafeBufferPointer(body) })
    }

    package init(name: String, shape: [Int], elements: [Float]) {
        self.init(name: name, shape: shape, read: { elements })
    }

    package var count: Int { shape.reduce(1, *) }

    /// The elements, without a copy where the source has them at hand; one that gives another number is corrupt.
    package func withElements<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) throws -> Result {
        var result: Result?
        try access { elements in
            guard elements.count == count else {
                throw Failure(.data, place: name, "has \(elements.count) elements where the network needs \(count)")
            }
            result = try body(elements)
        }
        guard let result else { preconditionFailure("the access to \(name) did not call its argument") }
        return result
    }

    package func load() throws -> [Float] { try withElements { Array($0) } }

    /// The same with every element times `factor`.
    package func scaled(by factor: Float) -> Parameter {
        Parameter(name: name, shape: shape, read: { try load().map { factor * $0 } })
    }

    /// The same with the first dimension's rows in another order: row i of the result is row `order[i]`.
    package func reordered(rows order: [Int]) -> Parameter {
        let size = count / max(shape.first ?? 1, 1)
        return Parameter(
            name: name, shape: shape,
            read: {
                let elements = try load()
                return order.flatMap { elements[$0 * size..<($0 + 1) * size] }
            })
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
