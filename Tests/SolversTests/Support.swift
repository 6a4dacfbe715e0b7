import Diffusion
import Solvers
import Tensors

/// Returns max |a - b| / max |b|, or infinity if a is not finite or the shapes differ.
func relativeDistance(_ a: [Double], _ b: [Double]) -> Double {
    let scale = b.reduce(0) { max($0, abs($1)) }
    let distance = zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
    guard a.count == b.count, a.allSatisfy(\.isFinite) else { return .infinity }
    return distance == 0 ? 0 : distance / scale
}

func relativeDistance(_ a: Tensor<Double>, _ b: Tensor<Double>) -> Double {
    a.shape == b.shape ? relativeDistance(a.elements, b.elements) : .infinity
}

/// A result with the gradients of <cotangent, x_N>.
struct RunGradients {
    let value: Tensor<Double>
    let start: Tensor<Double>
    let times: [Double]
    let modelTimes: [Double]
}

func gradients(
    of solver: Solver, process: NoiseProcess, times: [Double], modelTimes: [Double], executor: Executor<Double>,
    start: Tensor<Double>, cotangent: Tensor<Double>, policy: ActivationPolicy = .recompute
) throws -> RunGradients {
    let count = times.count
    let variables = (times + modelTimes).enumerated().map { Dual.variable($1, index: $0, of: 2 * count) }
    let program = try solver.program(
        process: process, times: Array(variables[..<count]), modelTimes: Array(variables[count...]))
    let trace = try executor.trace(program.values, from: start, policy: policy)
    let gradient = try executor.pullback(trace, cotangent: cotangent)
    let chained = gradient.chained(through: program, count: 2 * count)
    return RunGradients(
        value: trace.result, start: gradient.start, times: Array(chained[..<count]),
        modelTimes: Array(chained[count...]))
}

/// Returns what `solver` makes of the one sample x along `times`, which are the model times too.
func run(
    _ solver: Solver, _ denoiser: some Denoiser<Double>, process: NoiseProcess, times: [Double], from x: [Double]
) throws -> [Double] {
    let program = try solver.program(process: process, times: times)
    return try Executor<Double>(denoiser: denoiser).run(program, from: Tensor(shape: [1, x.count], elements: x))
        .elements
}

func solver(_ family: Solver.Family, _ order: Int, _ options: Set<Solver.Option> = []) throws -> Solver {
    try Solver(family, order: order, options: options)
}
