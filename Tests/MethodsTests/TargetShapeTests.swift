import Diffusion
import Fitting
import FittingTestSupport
import Methods
import Solvers
import Tensors
import Testing

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
