import Synchronization

/// One plan and its block of memory, which is at least as large as the plan needs.
final class Arena: Sendable {
    let plan: Plan
    fileprivate let buffer: FloatBuffer
    var memory: Pointer { buffer.start }

    fileprivate init(_ plan: Plan, _ buffer: FloatBuffer) {
        self.plan = plan
        self.buffer = buffer
        buffer.start.update(repeating: 0, count: plan.zeroCount)
    }
}

/// The arenas of a network: plans are made once for each extent; blocks of memory are used again, by any plan that fits.
final class Arenas: Sendable {
    private struct State {
        var plans: [Extent: Plan] = [:]
        /// By rising size.
        var free: [FloatBuffer] = []
        var prepared = [false, false]
    }

    private let state = Mutex(State())
    private let graph: Graph
    private let inputs: [Value]
    private let outputs: [Value]
    private let differentiable: [Value]

    init(_ graph: Graph, inputs: [Value], outputs: [Value], differentiable: [Value]) {
        self.graph = graph
        self.inputs = inputs
        self.outputs = outputs
        self.differentiable = differentiable
    }

    func take(_ extent: Extent) -> Arena {
        let plan = plan(extent)
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

    private func plan(_ extent: Extent) -> Plan {
        if let plan = state.withLock({ $0.plans[extent] }) { return plan }
        let plan = Plan(graph, inputs: inputs, outputs: outputs, differentiable: differentiable, extent: extent)
        state.withLock { $0.plans[extent] = plan }
        return plan
    }

    func give(_ arena: Arena) {
        state.withLock { state in
            let index = state.free.firstIndex { $0.count >= arena.buffer.count } ?? state.free.count
            state.free.insert(arena.buffer, at: index)
        }
    }

    func isPrepared(pullback: Bool) -> Bool { state.withLock { $0.prepared[pullback ? 1 : 0] } }

    func markPrepared(pullback: Bool) {
        state.withLock {
            $0.prepared[0] = true
            if pullback { $0.prepared[1] = true }
        }
    }
}

/// The arenas that hold a linearization's activations; given back when nobody needs them.
final class Tape: Sendable {
    private let arenas: Arenas
    private let stored = Mutex<[(arena: Arena, range: Range<Int>)]>([])

    init(_ arenas: Arenas) { self.arenas = arenas }

    func add(_ arena: Arena, _ range: Range<Int>) { stored.withLock { $0.append((arena, range)) } }

    var chunks: [(arena: Arena, range: Range<Int>)] { stored.withLock { $0 } }

    deinit { for chunk in chunks { arenas.give(chunk.arena) } }
}
