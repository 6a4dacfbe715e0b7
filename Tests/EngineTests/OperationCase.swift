import Engine
import Tensors
import TestSupport
import Testing

/// An operation of the engine, and the same function written as plain loops in Double.
struct OperationCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let inputs: [MapShape]
    /// Largest errors of the value and of the pullback, relative to the largest number of each.
    private(set) var tolerances: (value: Double, pullback: Double)
    private(set) var precision = ProductPrecision.float32
    /// Adds the operation to a graph.
    let build: @Sendable (inout Graph, [Value]) -> Value
    /// The function for one image; inputs and output are row-major [C, H, W].
    let plain: @Sendable ([[Double]]) -> [Double]

    init(
        _ description: String, _ inputs: [MapShape], tolerances: (value: Double, pullback: Double) = (1e-6, 2e-6),
        build: @escaping @Sendable (inout Graph, [Value]) -> Value,
        plain: @escaping @Sendable ([[Double]]) -> [Double]
    ) {
        testDescription = description
        self.inputs = inputs
        self.tolerances = tolerances
        self.build = build
        self.plain = plain
    }

    /// Returns the operation with products of such numbers.
    func multiplying(in precision: ProductPrecision, tolerance: Double) -> OperationCase {
        var operation = self
        operation.precision = precision
        operation.tolerances = (tolerance, tolerance)
        return operation
    }

    /// Compares the value of every image of a batch with the plain function.
    func checkValue(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let batch = 3
        let tensors = arguments(batch: batch)
        let value = try network().evaluate(tensors)[0]
        let expected = (0..<batch).flatMap { image in plain(tensors.map { $0.doubles(sample: image) }) }
        let error = relativeError(doubles(value.elements), expected)
        #expect(error < tolerances.value, "\(error)", sourceLocation: sourceLocation)
    }

    /// Compares the pullback with central differences of the plain function, first for the operation alone, then for
    /// two copies of it, whose second contribution to each cotangent is added to the first.
    func checkPullback(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let tensors = arguments(batch: 2)
        for copies in 1...2 {
            let (values, pullback) = try network(copies: copies).linearize(tensors)
            let cotangents = (0..<copies).map { copy in
                Tensor(shape: values[0].shape, elements: testNumbers(values[0].count, seed: 90 + UInt64(copy)))
            }
            let pulled = try pullback(cotangents)
            for image in 0..<2 {
                let weights = cotangents.map { $0.doubles(sample: image) }
                let sum = weights[0].indices.map { index in weights.reduce(0) { $0 + $1[index] } }
                let error = pullbackError(
                    pulled.map { $0.doubles(sample: image) }, at: tensors.map { $0.doubles(sample: image) }, sum)
                #expect(
                    error < tolerances.pullback, "\(copies) copies, image \(image): \(error)",
                    sourceLocation: sourceLocation)
            }
        }
    }

    /// Expects the bits of seven images to be the same in batches of 1, 2 and 7, on any number of threads.
    func checkBits(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let expected = try results(batches: [7], threads: 1, imagesTogether: 7)
        let isFinite = expected.allSatisfy(\.isFinite)
        #expect(isFinite, sourceLocation: sourceLocation)
        for (batches, threads, imagesTogether) in [
            ([7], 3, 7), ([1, 1, 1, 1, 1, 1, 1], 2, 7), ([2, 2, 2, 1], 3, 7), ([7], 2, nil),
        ] {
            let results = try results(batches: batches, threads: threads, imagesTogether: imagesTogether)
            #expect(
                results == expected, "batches \(batches), \(threads) threads", sourceLocation: sourceLocation)
        }
    }

    // MARK: - Parts

    private func network(copies: Int = 1, threads: Int = 2, imagesTogether: Int? = 4) throws -> CompiledNetwork {
        var graph = Graph()
        let values = inputs.map { graph.input($0) }
        let outputs = (0..<copies).map { _ in build(&graph, values) }
        return CompiledNetwork(
            try graph.multiplying(in: precision), inputs: values, outputs: outputs, differentiable: values,
            pool: ThreadPool(threads: threads),
            imagesTogether: imagesTogether)
    }

    private func arguments(batch: Int) -> [Tensor<Float>] {
        inputs.enumerated().map { index, shape in
            Tensor(
                shape: [batch, shape.channels, shape.height, shape.width],
                elements: testNumbers(batch * shape.channels * shape.pixels, seed: UInt64(index) + 1))
        }
    }

    /// Returns the error of at most 100 partial derivatives for each input, relative to the largest.
    private func pullbackError(_ pulled: [[Double]], at point: [[Double]], _ weights: [Double]) -> Double {
        func value(_ point: [[Double]]) -> Double { zip(plain(point), weights).reduce(0) { $0 + $1.0 * $1.1 } }
        let step = 1e-5
        var (ours, expected): ([Double], [Double]) = ([], [])
        for (index, elements) in point.enumerated() {
            for element in stride(from: 0, to: elements.count, by: max(1, elements.count / 100)) {
                var moved = point
                moved[index][element] += step
                let above = value(moved)
                moved[index][element] -= 2 * step
                expected.append((above - value(moved)) / (2 * step))
                ours.append(pulled[index][element])
            }
        }
        return relativeError(ours, expected)
    }

    /// Returns the values of seven images, and their inputs' cotangents, image by image.
    private func results(batches: [Int], threads: Int, imagesTogether: Int?) throws -> [Float] {
        let network = try network(threads: threads, imagesTogether: imagesTogether)
        let tensors = arguments(batch: 7)
        var results: [Float] = []
        var first = 0
        for batch in batches {
            let (values, pullback) = try network.linearize(tensors.map { $0.samples(first..<first + batch) })
            let count = values[0].sampleCount
            let cotangents = testNumbers(7 * count, seed: 90)[first * count..<(first + batch) * count]
            let pulled = try pullback([Tensor(shape: values[0].shape, elements: cotangents)])
            for image in 0..<batch {
                for tensor in values + pulled { results += tensor.samples(image..<image + 1).elements }
            }
            first += batch
        }
        return results
    }
}

func doubles(_ floats: [Float]) -> [Double] { floats.map { Double($0) } }

/// A parameter of numbers in [-1, 1).
func testParameter(_ name: String, _ shape: [Int], seed: UInt64) -> Parameter {
    Parameter(name: name, shape: shape, elements: testNumbers(shape.reduce(1, *), seed: seed))
}

/// x / (1 + exp(-x))
func plainSiLU(_ x: Double) -> Double { x / (1 + Double.exp(-x)) }
