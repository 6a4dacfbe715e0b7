import Fitting
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
