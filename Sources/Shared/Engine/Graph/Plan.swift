/// The batch and the threads that a plan is made for.
package struct PlanExtent: Sendable, Hashable {
    /// Images.
    package let batch: Int
    /// Threads that may work at once; each has its own scratch memory if an operation needs some.
    package let slots: Int
    package let withPullback: Bool

    package init(batch: Int, slots: Int, withPullback: Bool) {
        self.batch = batch
        self.slots = slots
        self.withPullback = withPullback
    }
}

/// The place of every buffer in one block of memory, for one graph and one batch: planned once, so that a run allocates
/// nothing.
///
/// The schedule gives each buffer the interval of times in which it is alive. Buffers are placed in order of falling
/// size, each at the lowest offset that is free over its whole interval. The first floats of the block are zeros: rows
/// in a convolution's padding point at them.
package struct Plan: Sendable {
    package let extent: PlanExtent
    let schedule: MemorySchedule
    /// Floats of the whole block.
    package private(set) var count = 0
    /// Floats at the start of the block that must be zero.
    private(set) var zeroCount = 0
    /// Offsets in floats, by the number of the value; -1 if there is no buffer.
    private(set) var activations: [Int]
    private(set) var cotangents: [Int]
    /// Offsets in floats, by the place of the operation; -1 if there is no buffer.
    private(set) var saved: [Int]
    private(set) var scratch: [Int]
    private(set) var pullbackScratch: [Int]

    private struct PlacedBuffer {
        var buffer: MemoryBuffer
        var size: Int
        var lifetime: ClosedRange<Int>
        var offset = 0
    }

    package init(_ graph: Graph, _ schedule: MemorySchedule, extent: PlanExtent) {
        precondition(schedule.withPullback == extent.withPullback)
        self.extent = extent
        self.schedule = schedule
        let none = [Int](repeating: -1, count: graph.values.count)
        let noOperation = [Int](repeating: -1, count: graph.operations.count)
        (activations, cotangents) = (none, none)
        (saved, scratch, pullbackScratch) = (noOperation, noOperation, noOperation)
        zeroCount = (graph.values.map(\.shape.stride).max() ?? 0) + lanes
        count = zeroCount
        place(Self.sizes(graph, extent))
        count += 2 * lanes
    }

    /// The floats of every buffer that the graph could have.
    private static func sizes(_ graph: Graph, _ extent: PlanExtent) -> [(buffer: MemoryBuffer, size: Int)] {
        var sizes = graph.values.map { (MemoryBuffer.activations($0), extent.batch * $0.shape.count) }
        sizes += graph.values.map { (.cotangent($0), extent.batch * $0.shape.count) }
        for (index, operation) in graph.operations.enumerated() {
            sizes.append((.saved(operation: index), extent.batch * operation.savedCount))
            sizes.append((.scratch(operation: index), operation.scratchCount(extent, pullback: false)))
            sizes.append((.pullbackScratch(operation: index), operation.scratchCount(extent, pullback: true)))
        }
        return sizes
    }

    private mutating func place(_ sizes: [(buffer: MemoryBuffer, size: Int)]) {
        let start = count
        let buffers = sizes.compactMap { buffer, size in
            size == 0
                ? nil : schedule.lifetime(of: buffer).map { PlacedBuffer(buffer: buffer, size: size, lifetime: $0) }
        }
        var placed: [PlacedBuffer] = []
        for var buffer in buffers.sorted(by: {
            ($0.size, $1.lifetime.lowerBound) > ($1.size, $0.lifetime.lowerBound)
        }) {
            // A cache line between neighbours keeps equal offsets of equal maps out of one cache set.
            let size = roundUp(buffer.size, to: lanes) + lanes
            buffer.offset = start
            for other in placed where other.lifetime.overlaps(buffer.lifetime) {
                if buffer.offset + size <= other.offset { break }
                buffer.offset = max(buffer.offset, other.offset + roundUp(other.size, to: lanes) + lanes)
            }
            setOffset(of: buffer.buffer, to: buffer.offset)
            let position = placed.firstIndex { $0.offset > buffer.offset } ?? placed.count
            placed.insert(buffer, at: position)
            count = max(count, buffer.offset + size)
        }
    }

    private mutating func setOffset(of buffer: MemoryBuffer, to offset: Int) {
        switch buffer {
        case .activations(let value): activations[value.id] = offset
        case .cotangent(let value): cotangents[value.id] = offset
        case .saved(let operation): saved[operation] = offset
        case .scratch(let operation): scratch[operation] = offset
        case .pullbackScratch(let operation): pullbackScratch[operation] = offset
        }
    }
}
