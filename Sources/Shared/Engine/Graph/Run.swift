import Tensors

/// One pass over a graph in one block of memory: what an operation sees of it.
package struct Run: Sendable {
    let plan: Plan
    nonisolated(unsafe) let memory: Pointer
    /// Images of this pass; at most the plan's.
    package let batch: Int
    /// nil: on the calling thread alone.
    let pool: ThreadPool?
    /// The operation that runs.
    var step = 0
    var backwards = false

    /// Calls `body` once for every 0..<count, on the pool's threads where there is a pool. Items write disjoint memory.
    /// `slot` is the thread's own number, below the plan's `slots`.
    func parallelFor(_ count: Int, _ body: (_ item: Int, _ slot: Int) -> Void) {
        if let pool {
            pool.parallelFor(count, body)
        } else {
            for index in 0..<count { body(index, 0) }
        }
    }

    /// Floats that are always zero, at least as many as any map's stride.
    var zeros: Source { Source(memory) }

    /// [batch, height, width, stride]
    func activations(_ value: Value) -> Pointer { memory + plan.activations[value.id] }
    /// [batch, height, width, stride]
    func cotangent(_ value: Value) -> Pointer { memory + plan.cotangents[value.id] }
    /// The running operation's saved floats, [batch, savedCount].
    var saved: Pointer { memory + plan.saved[step] }
    var scratch: Pointer { memory + (backwards ? plan.pullbackScratch[step] : plan.scratch[step]) }

    /// Where the running operation's pullback puts the cotangent of its input number `index`, and whether it adds to
    /// what is there; nil where nobody asks for it.
    func delivery(_ index: Int, of value: Value) -> (target: Pointer, adds: Bool)? {
        switch plan.deliveries[step][index] {
        case .none: nil
        case .assign: (cotangent(value), false)
        case .add: (cotangent(value), true)
        }
    }
}
