import Diagnostics
import Tensors

/// A distance between a student's results and fixed targets, sample by sample.
///
/// A loss is made once for the targets of a set of pairs, so that what depends on them alone (features) is computed
/// once. Targets need not have the shape of samples. `pairs` names the target of each row of `samples` by its place in
/// that set.
package protocol Loss<Element>: Sendable {
    associatedtype Element: TensorElement

    /// Returns the loss of each sample, [B] from [B, sample shape].
    func values(_ samples: Tensor<Element>, pairs: [Int]) throws -> [Double]

    /// Returns the losses with the gradient of each in its own sample, [B, sample shape].
    func gradients(_ samples: Tensor<Element>, pairs: [Int]) throws -> LossGradients<Element>
}

package struct LossGradients<Element: TensorElement>: Sendable {
    package let values: [Double]
    package let samples: Tensor<Element>

    package init(values: [Double], samples: Tensor<Element>) {
        self.values = values
        self.samples = samples
    }
}

/// The mean square (l2) or mean absolute (l1) difference over the elements of a sample.
package struct PixelLoss<Element: TensorElement>: Loss {
    package enum Power: String, Sendable {
        case l1
        case l2
    }

    package let power: Power
    /// [P, sample shape]
    package let targets: Tensor<Element>
    /// The sum is divided by this, usually the elements of a sample.
    package let divisor: Double

    /// - Parameter divisor: nil is the true count of elements. The reference divides by the latent's even for decoded
    ///   images.
    package init(_ power: Power, targets: Tensor<Element>, divisor: Double? = nil) {
        self.power = power
        self.targets = targets
        self.divisor = divisor ?? Double(targets.sampleCount)
    }

    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func values(_ samples: Tensor<Element>, pairs: [Int]) -> [Double] {
        let differences = differences(samples, pairs: pairs)
        return (0..<samples.batch).map { sample in
            let row = differences.doubles(sample: sample)
            return (power == .l2 ? row.reduce(0) { $0 + $1 * $1 } : row.reduce(0) { $0 + abs($1) }) / divisor
        }
    }

    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func gradients(_ samples: Tensor<Element>, pairs: [Int]) -> LossGradients<Element> {
        let slopes = differences(samples, pairs: pairs).map { difference -> Element in
            switch power {
            case .l2: return Element(2 * Double(difference) / divisor)
            case .l1: return difference == 0 ? 0 : Element((difference > 0 ? 1 : -1) / divisor)
            }
        }
        return LossGradients(values: values(samples, pairs: pairs), samples: slopes)
    }

    private func differences(_ samples: Tensor<Element>, pairs: [Int]) -> Tensor<Element> {
        var differences = samples
        differences.add(targets.gather(pairs), times: -1)
        return differences
    }
}
