import Diagnostics
import Diffusion
import Tensors

/// Noises with the teacher's results, in seed order: what a schedule is fitted to.
package struct Pairs<Element: TensorElement>: Sendable {
    package let seeds: [Int64]
    /// The condition of each pair, P rows, or empty.
    package let condition: Condition
    /// Noises of unit variance, [P, sample shape].
    package let noise: Tensor<Element>
    /// The teacher's results, [P, target shape]. Their shape may be another one than the noises'.
    package let targets: Tensor<Element>

    package var count: Int { seeds.count }

    /// Sorts by seed, so that the order of arrival changes nothing.
    package init(seeds: [Int64], condition: Condition = .none, noise: Tensor<Element>, targets: Tensor<Element>) {
        precondition(noise.batch == seeds.count && targets.batch == seeds.count)
        let order = seeds.indices.sorted { seeds[$0] < seeds[$1] }
        self.seeds = order.map { seeds[$0] }
        self.condition = condition.rows(order)
        self.noise = noise.gather(order)
        self.targets = targets.gather(order)
    }

    package subscript(range: Range<Int>) -> Pairs {
        Pairs(
            seeds: Array(seeds[range]), condition: condition.rows(Array(range)), noise: noise.samples(range),
            targets: targets.samples(range))
    }

    package func converted<Other: TensorElement>(to type: Other.Type = Other.self) -> Pairs<Other> {
        Pairs<Other>(seeds: seeds, condition: condition, noise: noise.converted(), targets: targets.converted())
    }

    /// Returns the first pairs in seed order to train on and the following ones to validate with; without counts the
    /// first half trains and the rest validates. Throws `data` if there are too few pairs.
    package func split(train: Int?, validation: Int?) throws -> (train: Pairs, validation: Pairs) {
        let trainCount = train ?? validation.map { count - $0 } ?? count / 2
        let validationCount = validation ?? count - trainCount
        guard trainCount >= 1, validationCount >= 1, trainCount + validationCount <= count else {
            throw Failure(
                .data,
                "\(counted(count, "pair")) cannot give \(max(trainCount, 1)) to train on and \(max(validationCount, 1)) to validate with",
                suggestion: "at least one of each is needed")
        }
        return (self[0..<trainCount], self[trainCount..<trainCount + validationCount])
    }
}
