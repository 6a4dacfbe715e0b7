import Diagnostics

/// A weight tensor that is read when it is first needed.
package struct Parameter: Sendable {
    package let name: String
    package let shape: [Int]
    /// A type that holds every element exactly.
    package let precision: WeightPrecision
    /// Calls its argument once with the elements in row-major order.
    package typealias Access = @Sendable ((UnsafeBufferPointer<Float>) throws -> Void) throws -> Void

    private let access: Access

    package init(name: String, shape: [Int], precision: WeightPrecision = .float32, access: @escaping Access) {
        self.name = name
        self.shape = shape
        self.precision = precision
        self.access = access
    }

    /// - Parameter read: returns the elements in row-major order.
    package init(
        name: String, shape: [Int], precision: WeightPrecision = .float32,
        read: @escaping @Sendable () throws -> [Float]
    ) {
        self.init(
            name: name, shape: shape, precision: precision, access: { body in try read().withUnsafeBufferPointer(body) }
        )
    }

    package init(name: String, shape: [Int], elements: [Float]) {
        self.init(name: name, shape: shape, read: { elements })
    }

    package var count: Int { shape.reduce(1, *) }

    /// Calls `body` with the elements, without a copy if the weights' source has them in memory.
    ///
    /// Throws a `Failure` with status `.data` if the source has another number of elements than the shape says.
    package func withElements<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) throws -> Result {
        var result: Result?
        try access { elements in
            guard elements.count == count else {
                throw Failure(
                    .data, place: name, "has \(counted(elements.count, "element")) where the network needs \(count)")
            }
            result = try body(elements)
        }
        guard let result else { preconditionFailure("the access to \(name) did not call its argument") }
        return result
    }

    package func load() throws -> [Float] { try withElements { Array($0) } }

    /// Returns this parameter with every element times `factor`.
    package func scaled(by factor: Float) -> Parameter {
        factor == 1 ? self : Parameter(name: name, shape: shape, read: { try load().map { factor * $0 } })
    }

    /// Returns the rows of all `parts`, which have rows of one shape, one part after another.
    package static func joined(_ parts: [Parameter]) -> Parameter {
        let row = parts.first.map { Array($0.shape.dropFirst()) } ?? []
        precondition(parts.allSatisfy { Array($0.shape.dropFirst()) == row })
        let precisions = Set(parts.map(\.precision))
        return Parameter(
            name: parts.map(\.name).joined(separator: ", "), shape: [parts.reduce(0) { $0 + $1.shape[0] }] + row,
            precision: precisions.count == 1 ? parts[0].precision : .float32,
            read: { try parts.flatMap { try $0.load() } })
    }

    /// Returns this parameter with the first dimension's rows in another order: row i of the result is row `order[i]`.
    package func reordered(rows order: [Int]) -> Parameter {
        let size = count / max(shape.first ?? 1, 1)
        return Parameter(
            name: name, shape: shape, precision: precision,
            read: {
                let elements = try load()
                return order.flatMap { elements[$0 * size..<($0 + 1) * size] }
            })
    }
}
