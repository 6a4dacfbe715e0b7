import Diffusion
import Fitting
import FittingTestSupport
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
        let loss = Decoded(decoder, PixelLoss(.l2, targets: decoder.decode(targets)))
        let expected = PixelLoss(.l2, targets: decoder.decode(targets)).values(decoder.decode(samples), pairs: [4, 1])
        #expect(try loss.values(samples, pairs: [4, 1]) == expected)
        #expect(try loss.values(targets, pairs: [0, 1, 2, 3, 4]) == [0, 0, 0, 0, 0])
    }

    /// The gradients equal central differences.
    @Test func gradientsAreExact() throws {
        let decoder = LinearDecoder()
        let loss = Decoded(decoder, PixelLoss(.l2, targets: decoder.decode(targets)))
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
