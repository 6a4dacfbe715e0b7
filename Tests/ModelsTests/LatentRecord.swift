import Diffusion
import Formats
import Models
import Solvers
import Tensors
import TestSupport
import Testing

/// The numbers that PyTorch recorded of a latent diffusion model in double precision, and those that are computed here,
/// both by the recorded names.
struct LatentRecord {
    private let recorded: SafetensorsFile
    private var computed: [String: [Double]] = [:]

    /// - Parameter name: the path of the recorded numbers in the collection.
    init(_ name: String) throws { recorded = try SafetensorsFile(path: try #require(Fixtures.shared(name))) }

    func tensor(_ name: String) throws -> Tensor<Float> { try recorded.tensor(name).tensor() }
    func numbers(_ name: String) throws -> [Double] { try recorded.tensor(name).doubles() }

    /// Returns the numbers that were computed under a name; none if nothing was.
    subscript(name: String) -> [Double] {
        get { computed[name] ?? [] }
        set { computed[name] = newValue }
    }

    /// Compares all recorded numbers. It is a fault if a recorded name was not computed.
    ///
    /// - Parameters:
    ///   - tolerances: of values, of cotangents and of derivatives in times, relative to the largest element.
    ///   - others: the names that other tests read.
    func check(
        values: Double, pullbacks: Double, times: Double, besides others: Set<String> = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let names = recorded.tensorNames.filter { $0.hasSuffix(".f64") }.map { String($0.dropLast(4)) }
        #expect(!names.isEmpty && others.isSubset(of: names), sourceLocation: sourceLocation)
        for name in names where !others.contains(name) {
            let isPullback = name.contains("vjp_") || name.contains("grad_")
            let isOfTimes = isPullback && ["_t", "_tau", "_t_input"].contains { name.hasSuffix($0) }
            let error = relativeError(self[name], try numbers("\(name).f64"))
            let tolerance = isOfTimes ? times : isPullback ? pullbacks : values
            #expect(error < tolerance, "\(name): \(error)", sourceLocation: sourceLocation)
        }
    }
}

extension LatentRecord {
    mutating func add(_ name: String, _ values: Tensor<Float>) { self[name] = values.elements.map(Double.init) }

    /// Adds a prediction for the states x, and the cotangents of x and of the times for the prediction's cotangent v.
    /// It is made of the data prediction, as solvers make it.
    ///
    /// - Parameter times: nil for those recorded as t.
    mutating func add(
        _ name: String, _ prediction: Prediction = .data, of model: Model, given condition: Condition,
        at times: [Double]? = nil
    ) throws {
        let (x, v, times) = (try tensor("x"), try tensor("v"), try times ?? numbers("t"))
        let weights = times.map { prediction.weights(model.process, at: Dual.variable($0, index: 0, of: 1)) }
        let (state, data) = (weights.map(\.state.value), weights.map(\.data.value))
        let linear = try model.denoiser.linearize(x, at: times, given: condition)
        let pulled = try linear.pullback(v.scaled(bySample: data))
        add(name, weightedSum(1, x.scaled(bySample: state), 1, linear.value.scaled(bySample: data)))
        add("\(name)_vjp_x", weightedSum(1, v.scaled(bySample: state), 1, pulled.x))
        self["\(name)_vjp_t"] = times.indices.map { row in
            func slope(_ weight: Dual, _ values: Tensor<Float>) -> Double {
                weight.partial(0) * values.samples(row..<row + 1).dot(v.samples(row..<row + 1))
            }
            return pulled.times[row] + slope(weights[row].state, x) + slope(weights[row].data, linear.value)
        }
    }

    /// Adds the pictures of the latents z, and the cotangent of z.
    mutating func addPictures(of model: Model) throws {
        let z = try tensor("z")
        let decoding = try #require(model.decoder.resized(to: z.sampleShape)).linearize(z)
        add("decoded", decoding.images)
        add("decoded_vjp_z", try decoding.pullback(try tensor("v_image")))
    }

    /// Adds a solution along `times`, its pictures, the mean square of each picture, and the gradients of the sum of
    /// these in the noise, in the times and in the times that the network is told. Returns the pictures.
    ///
    /// - Parameter modelTimes: nil if the network is told the times themselves, whose gradients then have both parts.
    @discardableResult
    mutating func addChain(
        _ name: String, _ solver: String, of model: Model, from noise: String, along times: String,
        told modelTimes: String? = nil, given condition: Condition
    ) throws -> Tensor<Float> {
        let (noise, times, told) = (try tensor(noise), try numbers(times), try modelTimes.map { try numbers($0) } ?? [])
        let variables = (times + told).enumerated().map { Dual.variable($1, index: $0, of: times.count + told.count) }
        let program = try Solver(name: solver).program(
            process: model.process, times: Array(variables.prefix(times.count)),
            modelTimes: variables.suffix(times.count))
        let executor = Executor(denoiser: model.denoiser, given: condition)
        let trace = try executor.trace(program.values, from: noise, policy: .keep)
        let decoding = try model.decoder.linearize(trace.result)
        let count = Double(decoding.images.sampleCount)
        let pulled = try executor.pullback(
            trace, cotangent: decoding.pullback(decoding.images.scaled(by: 2 / count)))
        let gradient = pulled.chained(through: program, count: variables.count)
        add("\(name)_latent", trace.result)
        add("\(name)_image", decoding.images)
        self["\(name)_loss"] = (0..<noise.batch).map { row in
            decoding.images.doubles(sample: row).reduce(0) { $0 + $1 * $1 } / count
        }
        add("\(name)_grad_noise", pulled.start)
        self["\(name)_grad_t"] = Array(gradient.prefix(times.count))
        self["\(name)_grad_tau"] = Array(gradient.dropFirst(times.count))
        return decoding.images
    }
}
