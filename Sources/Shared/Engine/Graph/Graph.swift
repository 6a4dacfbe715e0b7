/// Operations in the order in which they run.
package struct Graph: Sendable {
    package private(set) var operations: [any Operation] = []
    package private(set) var values: [Value] = []

    package init() {}

    /// Multiply-adds of one image.
    package var multiplications: Int { operations.reduce(0) { $0 + $1.multiplications } }

    /// Adds a value that no operation computes: an input of the network.
    package mutating func input(_ shape: MapShape) -> Value { makeValue(shape) }

    /// Adds the operation that `make` builds around its new output.
    package mutating func add(_ shape: MapShape, _ make: (Value) throws -> any Operation) rethrows -> Value {
        let output = makeValue(shape)
        operations.append(try make(output))
        return output
    }

    private mutating func makeValue(_ shape: MapShape) -> Value {
        let value = Value(id: values.count, shape: shape)
        values.append(value)
        return value
    }
}
