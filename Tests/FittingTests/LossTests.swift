import Diffusion
import Fitting
import Solvers
import Tensors
import Testing

@Suite struct LossTests {
    private let targets = gaussian(shape: [4, 2, 3], seed: 3)

    @Test(arguments: [PixelLoss<Double>.Power.l1, .l2])
    func gradientsAreExact(power: PixelLoss<Double>.Power) {
        let loss = PixelLoss(power, targets: targets)
        let samples = gaussian(shape: [2, 2, 3], seed: 4)
        let pairs = [3, 1]
        let gradients = loss.gradients(samples, pairs: pairs)
        #expect(gradients.values == loss.values(samples, pairs: pairs))
        for index in 0..<samples.count {
            var (above, below) = (samples, samples)
            above[index] += 1e-6
            below[index] -= 1e-6
            let row = index / 6
            let difference =
                (loss.values(above, pairs: pairs)[row] - loss.values(below, pairs: pairs)[row]) / 2e-6
            #expect(abs(difference - gradients.samples[index]) < 1e-8)
        }
    }

    @Test func losesAreMeansOverElements() {
        let loss = PixelLoss(.l2, targets: Tensor<Double>(shape: [1, 2], elements: [1, -1]))
        #expect(loss.values(Tensor(shape: [1, 2], elements: [2, 1]), pairs: [0]) == [2.5])
        let compatible = PixelLoss(.l1, targets: Tensor<Double>(shape: [1, 2], elements: [1, -1]), divisor: 1)
        #expect(compatible.values(Tensor(shape: [1, 2], elements: [2, 1]), pairs: [0]) == [3])
    }
}

@Suite struct DecodedTests {
    /// Makes pictures of six numbers from latents of three, by a matrix.
    private struct LinearDecoder: Decoder {
        let latentShape = [3]
        let imageShape = [1, 2, 3]
        private let matrix = gaussian(shape: [6, 3], seed: 21)

        func decode(_ latents: Tensor<Double>) -> Tensor<Double> {
            let rows = (0..<latents.batch).flatMap { sample in
                (0..<6).map { row in (0..<3).reduce(0) { $0 + matrix[row * 3 + $1] * latents[sample * 3 + $1] } }
            }
            return Tensor(shape: [latents.batch] + imageShape, elements: rows)
        }

        func linearize(_ latents: Tensor<Double>) -> Decoding<Double> {
            Decoding(images: decode(latents)) { cotangent in
                let rows = (0..<cotangent.batch).flatMap { sample in
                    (0..<3).map { column in
                        (0..<6).reduce(0) { $0 + matrix[$1 * 3 + column] * cotangent[sample * 6 + $1] }
                    }
                }
                return Tensor(shape: [cotangent.batch, 3], elements: rows)
            }
        }
    }

    private let targets = gaussian(shape: [5, 3], seed: 22)
    private let samples = gaussian(shape: [2, 3], seed: 23)

    @Test func theLossIsThatOfPictures() throws {
        let decoder = LinearDecoder()
        let loss = try Decoded(decoder, targets: targets, batch: 2) { PixelLoss(.l2, targets: $0) }
        let expected = PixelLoss(.l2, targets: decoder.decode(targets)).values(decoder.decode(samples), pairs: [4, 1])
        #expect(try loss.values(samples, pairs: [4, 1]) == expected)
        #expect(try loss.values(targets, pairs: [0, 1, 2, 3, 4]) == [0, 0, 0, 0, 0])
    }

    /// The gradients equal central differences.
    @Test func gradientsAreExact() throws {
        let loss = try Decoded(LinearDecoder(), targets: targets, batch: 2) { PixelLoss(.l2, targets: $0) }
        let gradients = try loss.gradients(samples, pairs: [4, 1])
        #expect(gradients.samples.shape == samples.shape)
        for index in 0..<samples.count {
            var (above, below) = (samples, samples)
            above[index] += 1e-6
            below[index] -= 1e-6
            let row = index / 3
            let difference =
                try (loss.values(above, pairs: [4, 1])[row] - loss.values(below, pairs: [4, 1])[row]) / 2e-6
            #expect(abs(difference - gradients.samples[index]) < 1e-7)
        }
    }
}

/// The loss alone decides which shape targets have.
@Suite struct TargetShapeTests {
    /// The squared difference between the sum of a sample and its target, which is one number.
    private struct SumLoss: Loss {
        /// [P, 1]
        let targets: Tensor<Double>

        func values(_ samples: Tensor<Double>, pairs: [Int]) -> [Double] {
            zip(0..<samples.batch, pairs).map { row, pair in
                let missing = samples.doubles(sample: row).reduce(0, +) - targets[pair]
                return missing * missing
            }
        }

        func gradients(_ samples: Tensor<Double>, pairs: [Int]) -> LossGradients<Double> {
            let slopes = samples.mapSamples { row, values in
                values.map { _ in 2 * (values.reduce(0, +) - targets[pairs[row]]) }
            }
            return LossGradients(values: values(samples, pairs: pairs), samples: slopes)
        }
    }

    @Test(arguments: ["ld3", "generalized", "heuristic"]) func fitsToOneNumber(name: String) throws {
        let toy = try Toy(pairs: 40)
        func set(_ pairs: Pairs<Double>) -> FittingSet<Double> {
            let sums = (0..<pairs.count).map { pairs.targets.doubles(sample: $0).reduce(0, +) }
            let own = Pairs(
                seeds: pairs.seeds, noise: pairs.noise, targets: Tensor(shape: [pairs.count, 1], elements: sums))
            return FittingSet(own, loss: SumLoss(targets: own.targets))
        }
        var problem = toy.problem(try Solver(.ipndm), steps: 4)
        (problem.train, problem.validation) = (set(toy.train), set(toy.validation))
        let methods: [String: any FitMethod] = [
            "ld3": LD3(LD3Settings(dimension: 4, evaluations: 4)), "generalized": GeneralizedFit(),
            "heuristic": HeuristicFit(),
        ]
        let fit = try #require(methods[name]).fit(problem)
        #expect(name == "heuristic" ? fit.lossAfter == fit.lossBefore : fit.lossAfter < fit.lossBefore)
    }
}
