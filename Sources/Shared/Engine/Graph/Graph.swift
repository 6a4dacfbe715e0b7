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

    /// Returns the graph whose products are of numbers in `precision`. Throws `usage` if the processor cannot multiply them.
    package func multiplying(in precision: ProductPrecision) throws -> Graph {
        try precision.require()
        var graph = self
        graph.operations = operations.map { $0.multiplying(in: precision) }
        return graph
    }

    /// Returns the graph in consecutive pieces, which begin at the first operation and at each of `starts`, and for
    /// each piece the values of earlier pieces, and of `inputs`, that it reads. The pieces share the operations'
    /// weights.
    package func pieces(at starts: [Int], inputs: [Value]) -> [(graph: Graph, inputs: [Value])] {
        let ends = starts + [operations.count]
        return zip([0] + starts, ends).map { start, end in
            var piece = self
            piece.operations = Array(operations[start..<end])
            let known = Set(inputs.map(\.id)).union(operations[..<start].map(\.output.id))
            var read = Set<Int>()
            let crossing = piece.operations.flatMap(\.inputs).filter {
                known.contains($0.id) && read.insert($0.id).inserted
            }
            return (piece, crossing)
        }
    }

    private mutating func makeValue(_ shape: MapShape) -> Value {
        let value = Value(id: values.count, shape: shape)
        values.append(value)
        return value
    }
}
