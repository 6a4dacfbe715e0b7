/// A node's result in a graph, or an input of the graph.
package struct Value: Sendable, Hashable {
    package let id: Int
    package let shape: MapShape
}

/// Values of one height and width whose channels lie side by side: an operation reads them as a single map.
package struct Sources: Sendable {
    package let values: [Value]
    package let shape: MapShape

    package init(_ values: [Value]) {
        precondition(!values.isEmpty)
        let first = values[0].shape
        precondition(values.allSatisfy { $0.shape.height == first.height && $0.shape.width == first.width })
        self.values = values
        shape = MapShape(height: first.height, width: first.width, segments: values.flatMap(\.shape.segments))
    }

    package init(_ value: Value) { self.init([value]) }
}
