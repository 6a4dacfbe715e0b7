import Engine
import Tensors
import TestSupport
import Testing

@Suite struct ConcatenationTests {
    /// Three maps of 3x5 pixels side by side, two of which do not fill their vectors.
    private let channels = [18, 16, 3]

    private func network(_ inputsAgain: Bool = false) -> CompiledNetwork {
        var graph = Graph()
        let inputs = channels.map { graph.input(MapShape(height: 3, width: 5, channels: $0)) }
        let sources = Sources(inputs)
        var outputs = [graph.add(Concatenation.outputShape(sources)) { Concatenation(sources, output: $0) }]
        // A second reader of the first input: the cotangents are added.
        if inputsAgain { outputs.append(graph.add(inputs[0].shape) { SiLU(inputs[0], output: $0) }) }
        return CompiledNetwork(
            graph, inputs: inputs, outputs: outputs, differentiable: inputs, pool: ThreadPool(threads: 2))
    }

    private func inputs(batch: Int) -> [Tensor<Float>] {
        channels.enumerated().map { index, count in
            Tensor(shape: [batch, count, 3, 5], elements: testNumbers(batch * count * 15, seed: UInt64(index + 1)))
        }
    }

    @Test(arguments: [1, 2, 7]) func channelsFollowEachOther(batch: Int) throws {
        let inputs = inputs(batch: batch)
        let output = try network().evaluate(inputs)[0]
        #expect(output.shape == [batch, 37, 3, 5])
        for image in 0..<batch {
            let expected = inputs.flatMap { $0.samples(image..<image + 1).elements }
            #expect(output.samples(image..<image + 1).elements == expected)
        }
    }

    @Test func cotangentsGoBackToTheirInputs() throws {
        let (_, pullback) = try network().linearize(inputs(batch: 2))
        let cotangent = Tensor(shape: [2, 37, 3, 5], elements: testNumbers(2 * 37 * 15, seed: 9))
        let pulled = try pullback([cotangent])
        for image in 0..<2 {
            let parts = pulled.flatMap { $0.samples(image..<image + 1).elements }
            #expect(parts == cotangent.samples(image..<image + 1).elements)
        }
    }

    @Test func cotangentsAddToThoseOfOtherReaders() throws {
        let inputs = inputs(batch: 1)
        let (joint, alone) = (try network(true).linearize(inputs), try network().linearize(inputs))
        let cotangent = Tensor(shape: [1, 37, 3, 5], elements: testNumbers(37 * 15, seed: 9))
        let other = Tensor(shape: [1, 18, 3, 5], elements: testNumbers(18 * 15, seed: 10))
        let zero = Tensor<Float>(shape: cotangent.shape)
        let both = try joint.pullback([cotangent, other])[0]
        let (first, second) = (try alone.pullback([cotangent])[0], try joint.pullback([zero, other])[0])
        for place in 0..<both.count { #expect(abs(both[place] - first[place] - second[place]) < 1e-6) }
    }
}
