import Synchronization

/// One plan and its block of memory.
final class Arena: Sendable {
    let plan: Plan
    private let buffer: FloatBuffer
    var memory: Pointer { buffer.start }

    init(_ plan: Plan) {
        self.plan = plan
        buffer = FloatBuffer(count: plan.count)
        buffer.start.update(repeating: 0, count: plan.zeroCount)
    }
}

/// The arenas of a network: plans are made once for each extent, blocks of memory are used again.
final class Arenas: Sendable {
    private struct State {
        var plans: [Extent: Plan] = [:]
        var free: [Extent: [Arena]] = [:]
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
        let found: (arena: Arena?, plan: Plan?) = state.withLock { state in
            if let arena = state.free[extent]?.popLast() { return (arena, nil) }
            return (nil, state.plans[extent])
        }
        if let arena = found.arena { return arena }
        if let plan = found.plan { return Arena(plan) }
        let plan = Plan(graph, inputs: inputs, outputs: outputs, differentiable: differentiable, extent: extent)
        state.withLock { $0.plans[extent] = plan }
        return Arena(plan)
    }

    func give(_ arena: Arena) {
        state.withLock { $0.free[arena.plan.extent, default: []].append(arena) }
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
