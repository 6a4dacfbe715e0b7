import Diagnostics
import Engine
import Tensors
import TestSupport
import Testing

/// A graph whose operations destroy what somebody still needs is refused.
@Suite struct MemoryScheduleTests {
    private static let shape = MapShape(height: 3, width: 3, channels: 4)

    /// An operation that computes nothing and declares what a test wants.
    private struct Declaration: Operation {
        let inputs: [Value]
        let output: Value
        var forwards: [MemoryBuffer] = []
        var backwards: [MemoryBuffer] = []
        var pullbackReadsInputs = false
        var kind: LayerKind { .other }
        func overwrites(pullback: Bool) -> [MemoryBuffer] { pullback ? backwards : forwards }
        func forward(_ run: GraphRun) {}
        func pullback(_ run: GraphRun) {}
    }

    /// A chain input -> first -> second, and what each of them declares.
    private struct Chain {
        var graph = Graph()
        let input: Value
        let middle: Value
        let output: Value

        init(
            first: (inout Declaration) -> Void = { _ in },
            second: (inout Declaration) -> Void = { _ in }
        ) {
            let source = graph.input(shape)
            input = source
            middle = graph.add(shape) {
                var declaration = Declaration(inputs: [source], output: $0)
                first(&declaration)
                return declaration
            }
            output = graph.add(shape) { [middle] in
                var declaration = Declaration(inputs: [middle], output: $0)
                second(&declaration)
                return declaration
            }
        }

        func schedule(pullback: Bool, differentiable: [Value]? = nil) throws {
            _ = try MemorySchedule(
                graph, inputs: [input], outputs: [output], differentiable: differentiable ?? [input],
                withPullback: pullback)
        }
    }

    @Test func nothingIsOverwritten() throws {
        try Chain().schedule(pullback: false)
        try Chain().schedule(pullback: true)
    }

    @Test func anInputMayBeOverwrittenAfterItsLastReader() throws {
        try Chain(second: { $0.forwards = [.activations($0.inputs[0])] }).schedule(pullback: true)
    }

    @Test func anInputOfALaterOperation() {
        var chain = Chain(first: { $0.forwards = [.activations($0.inputs[0])] })
        let (input, middle) = (chain.input, chain.middle)
        _ = chain.graph.add(Self.shape) { Declaration(inputs: [input, middle], output: $0) }
        expectRefusal(
            "operation 0 (other) overwrites the activations of value 0, which operation 2 (other) still needs"
        ) {
            try chain.schedule(pullback: false)
        }
    }

    /// The forward run alone may overwrite an input that only a pullback needs.
    @Test func anInputThatThePullbackReads() throws {
        let chain = Chain(second: {
            $0.forwards = [.activations($0.inputs[0])]
            $0.pullbackReadsInputs = true
        })
        try chain.schedule(pullback: false)
        expectRefusal("which the pullback of operation 1 (other) still needs") { try chain.schedule(pullback: true) }
    }

    @Test func anOutputOfTheNetwork() {
        var chain = Chain()
        let output = chain.output
        _ = chain.graph.add(Self.shape) {
            Declaration(inputs: [output], output: $0, forwards: [.activations(output)])
        }
        expectRefusal("overwrites the activations of value 2, which the network's end still needs") {
            try chain.schedule(pullback: false)
        }
    }

    /// A pullback may run again, so even the last reader must not destroy what a pullback reads.
    @Test func activationsThatASecondPullbackReads() {
        let chain = Chain(first: {
            $0.pullbackReadsInputs = true
            $0.backwards = [.activations($0.inputs[0])]
        })
        expectRefusal("the pullback of operation 0 (other) overwrites the activations of value 0") {
            try chain.schedule(pullback: true)
        }
    }

    @Test func theOwnCotangentMayBeOverwritten() throws {
        try Chain(second: { $0.backwards = [.cotangent($0.output)] })
            .schedule(pullback: true)
    }

    @Test func aCotangentThatAnotherOperationNeeds() {
        let chain = Chain(second: { $0.backwards = [.cotangent($0.inputs[0])] })
        expectRefusal(
            "the pullback of operation 1 (other) overwrites the cotangent of value 1, "
                + "which the pullback of operation 0 (other) still needs"
        ) { try chain.schedule(pullback: true) }
    }

    @Test func aValueThatNobodyWrites() {
        var chain = Chain()
        let stranger = chain.graph.input(Self.shape)
        _ = chain.graph.add(Self.shape) { Declaration(inputs: [stranger], output: $0) }
        expectRefusal("operation 2 (other) reads the activations of value 3, which nobody has written") {
            try chain.schedule(pullback: false)
        }
    }

    private func expectRefusal(
        _ message: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
    ) {
        let failure = #expect(throws: Failure.self, sourceLocation: sourceLocation) { try body() }
        #expect(failure?.status == .internal, sourceLocation: sourceLocation)
        #expect(failure?.message.contains(message) == true, "\(failure?.message ?? "")", sourceLocation: sourceLocation)
    }
}

/// The refusals as a network meets them, and what networks with overwriting operations compute.
@Suite struct OverwritingNetworkTests {
    private static let shape = MapShape(height: 4, width: 4, channels: 8)

    private static func groupNorm(_ graph: inout Graph, _ input: Value) -> Value {
        graph.add(shape) {
            GroupNorm(
                Sources(input), output: $0, gamma: testParameter("gamma", [8], seed: 1),
                beta: testParameter("beta", [8], seed: 2), options: .init(groups: 2, epsilon: 1e-5, silu: true))
        }
    }

    private static func convolution(_ graph: inout Graph, _ input: Value) -> Value {
        graph.add(shape) {
            Convolution(
                Sources(input), output: $0, window: Window(3), weight: testParameter("weight", [8, 8, 3, 3], seed: 3),
                bias: nil, options: .init(rectifies: true))
        }
    }

    private let x = Tensor(shape: [2, 8, 4, 4], elements: testNumbers(256, seed: 4))
    private let v = Tensor(shape: [2, 8, 4, 4], elements: testNumbers(256, seed: 5))

    /// Group norm's pullback writes over its output's cotangent, which the caller has asked for.
    @Test func aWantedCotangentMayNotBeOverwritten() throws {
        var graph = Graph()
        let input = graph.input(Self.shape)
        let middle = Self.groupNorm(&graph, input)
        let output = Self.convolution(&graph, middle)
        let network = CompiledNetwork(
            graph, inputs: [input], outputs: [output], differentiable: [input, middle], pool: ThreadPool(threads: 1))
        #expect(try network.evaluate([x])[0].shape == x.shape)
        #expect(throws: Failure.self) { try network.linearize([x]) }
    }

    @Test func aPullbackMayRunAgain() throws {
        var graph = Graph()
        let input = graph.input(Self.shape)
        let middle = Self.convolution(&graph, input)
        let output = Self.groupNorm(&graph, middle)
        let network = CompiledNetwork(
            graph, inputs: [input], outputs: [middle, output], differentiable: [input], pool: ThreadPool(threads: 1))
        let (_, pullback) = try network.linearize([x])
        let first = try pullback([v, x])
        _ = try pullback([x, v])
        #expect(try pullback([v, x]) == first)
    }

    /// Cotangents must not take the place of activations that the next pullback reads, however many there are.
    @Test func aPullbackOfManyOperationsMayRunAgain() throws {
        var graph = Graph()
        let input = graph.input(Self.shape)
        var output = input
        for _ in 0..<5 { output = Self.convolution(&graph, Self.groupNorm(&graph, output)) }
        let network = CompiledNetwork(
            graph, inputs: [input], outputs: [output], differentiable: [input], pool: ThreadPool(threads: 1))
        let (_, pullback) = try network.linearize([x])
        let first = try pullback([v])
        #expect(try pullback([v]) == first)
    }

    /// An operation that no output depends on has no cotangent; its pullback must not run.
    @Test func anOperationWithoutReadersChangesNothing() throws {
        func pulled(isExtended: Bool) throws -> [Tensor<Float>] {
            var graph = Graph()
            let input = graph.input(Self.shape)
            let output = Self.convolution(&graph, Self.groupNorm(&graph, input))
            if isExtended { _ = Self.convolution(&graph, Self.groupNorm(&graph, output)) }
            return try CompiledNetwork(
                graph, inputs: [input], outputs: [output], differentiable: [input], pool: ThreadPool(threads: 1)
            ).linearize([x]).pullback([v])
        }
        #expect(try pulled(isExtended: true) == pulled(isExtended: false))
    }
}
