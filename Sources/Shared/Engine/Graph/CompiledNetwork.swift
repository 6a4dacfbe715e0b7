import Diagnostics
import Synchronization
import Tensors

/// A graph ready to run on batches of any size.
///
/// A batch is cut into chunks. A large network takes a few images at a time through the graph, every operation spread
/// over the pool's threads, so that weights are read once for the chunk. A small network runs each image on one thread,
/// several images at once. Neither changes an image's bits: no operation lets another image, or the number of threads,
/// into an image's sums.
package final class CompiledNetwork: Sendable {
    private let graph: Graph
    private let inputs: [Value]
    private let outputs: [Value]
    private let differentiable: [Value]
    private let pool: ThreadPool
    private let arenas: Arenas
    private let imagesTogether: Int?
    /// The schedule without and with a pullback, made when the network is first used that way.
    private let forwardSchedule = MadeOnce<MemorySchedule>()
    private let pullbackSchedule = MadeOnce<MemorySchedule>()
    /// A network with fewer multiply-adds an image spreads images, not operations, over threads.
    private static let smallNetwork = 4_000_000_000
    /// Images of a large network that go through the graph together: more would leave less of a map in cache for the
    /// next operation, fewer would leave work items with few tiles.
    private static let chunkImages = 4

    /// Returns the images of a graph of this size that go through it together; nil if each runs on one thread.
    package static func imagesTogether(_ graph: Graph) -> Int? {
        graph.multiplications < smallNetwork ? nil : chunkImages
    }

    /// - Parameters:
    ///   - differentiable: inputs whose cotangents the pullback returns.
    ///   - imagesTogether: images that go through the graph together; nil lets the network's size decide.
    ///   - memory: the blocks of memory in which the network runs.
    package init(
        _ graph: Graph, inputs: [Value], outputs: [Value], differentiable: [Value], pool: ThreadPool,
        imagesTogether: Int? = nil, memory: MemoryBlocks = MemoryBlocks()
    ) {
        self.graph = graph
        self.inputs = inputs
        self.outputs = outputs
        self.differentiable = differentiable
        self.pool = pool
        self.imagesTogether = imagesTogether
        arenas = Arenas(graph, memory)
    }

    /// Returns the outputs' values for a batch.
    ///
    /// - Parameter tensors: one an input, [B, C, H, W] or [B, C], of one batch size.
    /// - Throws: what a weights' source throws, and a `Failure` if a tensor has the wrong shape.
    package func evaluate(_ tensors: [Tensor<Float>]) throws -> [Tensor<Float>] {
        let batch = try check(tensors, inputs)
        let schedule = try prepare(pullback: false)
        var results = outputs.map { Tensor<Float>(shape: MapConversion.tensorShape($0.shape, batch: batch)) }
        let targets = Self.pointers(&results)
        forEachChunk(batch, pullback: false) { range, extent, pool in
            let arena = arenas.take(extent, schedule)
            defer { arenas.give(arena) }
            forward(arena, tensors, range, pool, targets)
        }
        return withExtendedLifetime(results) { results }
    }

    /// Returns the outputs' values for a batch, and a closure that pulls cotangents of the outputs back to the inputs.
    ///
    /// - Returns: `pullback` takes one cotangent an output (nil for zero) and returns one a differentiable input. It
    ///   may be called more than once, and holds the activations' memory as long as it lives.
    /// - Throws: what `evaluate` throws.
    package func linearize(
        _ tensors: [Tensor<Float>]
    ) throws -> (values: [Tensor<Float>], pullback: ([Tensor<Float>?]) throws -> [Tensor<Float>]) {
        let batch = try check(tensors, inputs)
        let schedule = try prepare(pullback: true)
        var results = outputs.map { Tensor<Float>(shape: MapConversion.tensorShape($0.shape, batch: batch)) }
        let targets = Self.pointers(&results)
        let tape = Tape(arenas)
        forEachChunk(batch, pullback: true) { range, extent, pool in
            let arena = arenas.take(extent, schedule)
            tape.add(arena, range)
            forward(arena, tensors, range, pool, targets)
        }
        return (results, { [self] cotangents in try pull(tape, cotangents, batch: batch) })
    }

    /// Returns the schedule of the memory. The first call makes it, which checks the graph, and loads and lays out all
    /// weights, several operations at a time.
    private func prepare(pullback: Bool) throws -> MemorySchedule {
        let made = pullback ? pullbackSchedule : forwardSchedule
        if let schedule = made.value { return schedule }
        let schedule = try MemorySchedule(
            graph, inputs: inputs, outputs: outputs, differentiable: differentiable, withPullback: pullback)
        let failure = Mutex<(any Error)?>(nil)
        Profile.shared.measureLayout {
            pool.parallelFor(graph.operations.count) { index, _ in
                do {
                    try graph.operations[index].prepare(pullback: pullback)
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        made.prepare { schedule }
        return schedule
    }

    /// Returns the batch size of `tensors`. Throws a `Failure` if their shapes are not those of `values`.
    private func check(_ tensors: [Tensor<Float>], _ values: [Value]) throws -> Int {
        precondition(tensors.count == values.count)
        let batch = tensors.first?.batch ?? 0
        for (tensor, value) in zip(tensors, values) {
            let expected = [value.shape.channels, value.shape.height, value.shape.width]
            let short = value.shape.pixels == 1 ? [value.shape.channels] : expected
            guard tensor.batch == batch, tensor.sampleShape == expected || tensor.sampleShape == short else {
                throw Failure(.data, "a tensor of shape \(tensor.shape) came where [\(batch)] + \(short) is needed")
            }
        }
        return batch
    }

    private func forEachChunk(
        _ batch: Int, pullback: Bool, _ body: (_ range: Range<Int>, _ extent: PlanExtent, _ pool: ThreadPool?) -> Void
    ) {
        if batch > 1, imagesTogether == nil, graph.multiplications < Self.smallNetwork {
            let extent = PlanExtent(batch: 1, slots: 1, withPullback: pullback)
            pool.parallelFor(batch) { image, _ in body(image..<image + 1, extent, nil) }
            return
        }
        var first = 0
        while first < batch {
            let count = min(imagesTogether ?? Self.chunkImages, batch - first)
            let extent = PlanExtent(batch: count, slots: pool.threads, withPullback: pullback)
            body(first..<first + count, extent, pool)
            first += count
        }
    }

    private func forward(
        _ arena: Arena, _ tensors: [Tensor<Float>], _ range: Range<Int>, _ pool: ThreadPool?, _ targets: [Targets]
    ) {
        var run = GraphRun(plan: arena.plan, memory: arena.memory, batch: range.count, pool: pool)
        for (tensor, input) in zip(tensors, inputs) {
            MapConversion.write(tensor, range, shape: input.shape, to: run.activations(input))
        }
        for (step, operation) in graph.operations.enumerated() {
            run.step = step
            Profile.shared.measure(operation.kind, multiplications: run.batch * operation.multiplications) {
                operation.forward(run)
            }
        }
        for (output, target) in zip(outputs, targets) {
            MapConversion.read(FloatPointer(run.activations(output)), shape: output.shape, range, to: target.start)
        }
    }

    private func pull(_ tape: Tape, _ cotangents: [Tensor<Float>?], batch: Int) throws -> [Tensor<Float>] {
        let given = zip(cotangents, outputs).map { cotangent, output in
            cotangent ?? Tensor(shape: MapConversion.tensorShape(output.shape, batch: batch))
        }
        precondition(given.count == outputs.count)
        guard try check(given, outputs) == batch else {
            throw Failure(.data, "a cotangent of \(given[0].batch) samples came for a batch of \(batch)")
        }
        var results = differentiable.map { Tensor<Float>(shape: MapConversion.tensorShape($0.shape, batch: batch)) }
        let targets = Self.pointers(&results)
        let chunks = tape.chunks
        let parallel = chunks.count > 1 && chunks.allSatisfy { $0.arena.plan.extent.slots == 1 }
        let body: (Int, ThreadPool?) -> Void = { [self] index, pool in
            backward(chunks[index].arena, given, chunks[index].range, pool, targets)
        }
        if parallel {
            pool.parallelFor(chunks.count) { index, _ in body(index, nil) }
        } else {
            for index in chunks.indices { body(index, pool) }
        }
        return results
    }

    private func backward(
        _ arena: Arena, _ cotangents: [Tensor<Float>], _ range: Range<Int>, _ pool: ThreadPool?, _ targets: [Targets]
    ) {
        var run = GraphRun(plan: arena.plan, memory: arena.memory, batch: range.count, pool: pool)
        run.backwards = true
        for (tensor, output) in zip(cotangents, outputs) {
            MapConversion.write(tensor, range, shape: output.shape, to: run.cotangent(output))
        }
        for (step, operation) in graph.operations.enumerated().reversed()
        where arena.plan.schedule.runsPullback(of: step) {
            run.step = step
            Profile.shared.measure(operation.kind, multiplications: run.batch * operation.multiplications) {
                operation.pullback(run)
            }
        }
        for (input, target) in zip(differentiable, targets) {
            MapConversion.read(FloatPointer(run.cotangent(input)), shape: input.shape, range, to: target.start)
        }
    }

    /// The elements of one result, to which disjoint chunks write at once.
    private struct Targets: @unchecked Sendable {
        let start: MutableFloatPointer
    }

    /// Returns pointers to the tensors' elements. The tensors must outlive the pointers, and nothing else may write to
    /// them meanwhile.
    private static func pointers(_ tensors: inout [Tensor<Float>]) -> [Targets] {
        tensors.indices.compactMap { index in
            tensors[index].withMutableElements { $0.baseAddress.map { Targets(start: $0) } }
        }
    }
}
