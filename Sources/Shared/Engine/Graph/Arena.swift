import Synchronization

/// One plan and its block of memory, which is at least as large as the plan needs.
final class Arena: Sendable {
    let plan: Plan
    fileprivate let buffer: FloatBuffer
    var memory: MutableFloatPointer { buffer.start }

    fileprivate init(_ plan: Plan, _ buffer: FloatBuffer) {
        self.plan = plan
        self.buffer = buffer
        buffer.start.update(repeating: 0, count: plan.zeroCount)
    }
}

/// Blocks of memory that networks use one after another. Networks that never run at once, such as the pieces of one
/// graph, may share them.
package final class MemoryBlocks: Sendable {
    /// By rising size.
    private let free = Mutex<[FloatBuffer]>([])

    package init() {}

    fileprivate func take(_ count: Int) -> FloatBuffer {
        let block = free.withLock { free -> FloatBuffer? in
            if let index = free.firstIndex(where: { $0.count >= count }) { return free.remove(at: index) }
            // A larger block is made; the largest that is too small makes room for it.
            _ = free.popLast()
            return nil
        }
        return block ?? FloatBuffer(count: count, for: .activations)
    }

    fileprivate func give(_ block: FloatBuffer) {
        free.withLock { free in
            let index = free.firstIndex { $0.count >= block.count } ?? free.count
            free.insert(block, at: index)
        }
    }
}

/// The arenas of a network. A plan is made once for each extent; any plan that fits uses a block of memory again.
final class Arenas: Sendable {
    private let plans = Mutex<[PlanExtent: Plan]>([:])
    private let graph: Graph
    private let blocks: MemoryBlocks

    init(_ graph: Graph, _ blocks: MemoryBlocks) {
        self.graph = graph
        self.blocks = blocks
    }

    func take(_ extent: PlanExtent, _ schedule: MemorySchedule) -> Arena {
        let plan = plan(extent, schedule)
        return Arena(plan, blocks.take(plan.count))
    }

    private func plan(_ extent: PlanExtent, _ schedule: MemorySchedule) -> Plan {
        if let plan = plans.withLock({ $0[extent] }) { return plan }
        let plan = Plan(graph, schedule, extent: extent)
        plans.withLock { $0[extent] = plan }
        return plan
    }

    func give(_ arena: Arena) { blocks.give(arena.buffer) }
}

/// The arenas that hold a linearization's activations; they are given back when the last reference to the tape goes.
final class Tape: Sendable {
    private let arenas: Arenas
    private let stored = Mutex<[(arena: Arena, range: Range<Int>)]>([])

    init(_ arenas: Arenas) { self.arenas = arenas }

    func add(_ arena: Arena, _ range: Range<Int>) { stored.withLock { $0.append((arena, range)) } }

    var chunks: [(arena: Arena, range: Range<Int>)] { stored.withLock { $0 } }

    deinit { for chunk in chunks { arenas.give(chunk.arena) } }
}
