import Tensors

/// A pass over a graph in one block of memory, as an operation sees it.
package struct GraphRun: Sendable {
    let plan: Plan
    nonisolated(unsafe) let memory: MutableFloatPointer
    /// Images of this pass; at most the plan's.
    package let batch: Int
    /// nil if the pass runs on the calling thread alone.
    let pool: ThreadPool?
    /// The place of the running operation in the graph.
    var step = 0
    var backwards = false

    /// Calls `body` once for every item of 0..<count, on the pool's threads if there is a pool. Items write disjoint
    /// memory. `slot` is the thread's own number, below the plan's `slots`.
    func parallelFor(_ count: Int, _ body: (_ item: Int, _ slot: Int) -> Void) {
        if let pool {
            pool.parallelFor(count, body)
        } else {
            for index in 0..<count { body(index, 0) }
        }
    }

    /// Floats that are always zero, at least as many as any map's stride.
    var zeros: FloatPointer { FloatPointer(memory) }

    /// [batch, height, width, stride]
    func activations(_ value: Value) -> MutableFloatPointer { memory + plan.activations[value.id] }
    /// [batch, height, width, stride]
    func cotangent(_ value: Value) -> MutableFloatPointer { memory + plan.cotangents[value.id] }
    /// The running operation's saved floats, [batch, savedCount].
    var saved: MutableFloatPointer { memory + plan.saved[step] }
    var scratch: MutableFloatPointer { memory + (backwards ? plan.pullbackScratch[step] : plan.scratch[step]) }

    /// Returns the memory into which the running operation's pullback puts the cotangent of its input number `index`,
    /// and whether it adds to the numbers that are there; nil if nobody asks for this cotangent.
    func delivery(_ index: Int, of value: Value) -> (target: MutableFloatPointer, adds: Bool)? {
        switch plan.schedule.deliveries[step][index] {
        case .none: nil
        case .assign: (cotangent(value), false)
        case .add: (cotangent(value), true)
        }
    }
}
