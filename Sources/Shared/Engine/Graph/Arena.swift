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

/// The arenas of a network. A plan is made once for each extent; any plan that fits uses a block of memory again.
final class Arenas: Sendable {
    private struct State {
        var plans: [PlanExtent: Plan] = [:]
        /// By rising size.
        var free: [FloatBuffer] = []
    }

    private let state = Mutex(State())
    private let graph: Graph

    init(_ graph: Graph) { self.graph = graph }

    func take(_ extent: PlanExtent, _ schedule: MemorySchedule) -> Arena {
        let plan = plan(extent, schedule)
        let block = state.withLock { state -> FloatBuffer? in
            if let index = state.free.firstIndex(where: { $0.count >= plan.count }) {
                return state.free.remove(at: index)
            }
            // A larger block is made; the largest that is too small makes room for it.
            _ = state.free.popLast()
            return nil
        }
        return Arena(plan, block ?? FloatBuffer(count: plan.count, for: .activations))
    }

    private func plan(_ extent: PlanExtent, _ schedule: MemorySchedule) -> Plan {
        if let plan = state.withLock({ $0.plans[extent] }) { return plan }
        let plan = Plan(graph, schedule, extent: extent)
        state.withLock { $0.plans[extent] = plan }
        return plan
    }

    func give(_ arena: Arena) {
        state.withLock { state in
            let index = state.free.firstIndex { $0.count >= arena.buffer.count } ?? state.free.count
            state.free.insert(arena.buffer, at: index)
        }
    }
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
