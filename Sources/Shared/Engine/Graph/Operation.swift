/// One node of a graph: computes `output` from `inputs`, and pulls the output's cotangent back to them.
package protocol Operation: Sendable {
    var kind: LayerKind { get }
    /// In the order in which the pullback writes their cotangents.
    var inputs: [Value] { get }
    var output: Value { get }
    /// Floats an image kept from forward to pullback, beside activations.
    var savedCount: Int { get }
    /// Which activations the pullback reads.
    var pullbackReadsInputs: Bool { get }
    var pullbackReadsOutput: Bool { get }

    /// Floats of scratch memory for one call.
    func scratchCount(_ extent: Extent, pullback: Bool) -> Int
    /// Loads and lays out the weights, once; throws what the weights' source throws.
    func prepare(pullback: Bool) throws
    /// Multiply-adds of one image, counted as a direct computation needs them.
    var multiplications: Int { get }
    func forward(_ run: Run)
    func pullback(_ run: Run)
}

/// What a plan is made for.
package struct Extent: Sendable, Hashable {
    /// Images.
    package let batch: Int
    /// Threads that may work at once; each has its own scratch memory where an operation needs some.
    package let slots: Int
    package let withPullback: Bool

    package init(batch: Int, slots: Int, withPullback: Bool) {
        self.batch = batch
        self.slots = slots
        self.withPullback = withPullback
    }
}

extension Operation {
    package var multiplications: Int { 0 }
    package var savedCount: Int { 0 }
    package var pullbackReadsInputs: Bool { false }
    package var pullbackReadsOutput: Bool { false }
    package func scratchCount(_ extent: Extent, pullback: Bool) -> Int { 0 }
    package func prepare(pullback: Bool) throws {}
}

/// What LD3_PROFILE=1 sums run time by.
package enum LayerKind: String, Sendable, CaseIterable {
    case convolution3x3 = "convolution 3x3"
    case convolution1x1 = "convolution 1x1"
    case convolution = "convolution, other sizes"
    case linear = "linear"
    case normalization = "group norm and SiLU"
    case attention = "attention"
    case resampling = "resampling"
    case other = "other"
}

/// Operations in the order in which they run.
package struct Graph: Sendable {
    package private(set) var operations: [any Operation] = []
    package private(set) var values: [Value] = []

    package init() {}

    /// Multiply-adds of one image.
    package var multiplications: Int { operations.reduce(0) { $0 + $1.multiplications } }

    /// A value without an operation: an input of the network.
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
