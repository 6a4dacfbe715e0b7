import Checkpoints
import Diffusion
import Formats
import Models
import Networks
import Solvers
import Tensors
import TestSupport
import Testing

/// A point cloud checkpoint as the reference's training script writes it, from the file to gradients in times.
@Suite struct PointCloudModelTests {
    private let path = Fixtures.path("pointcloud/generator.pt")
    private let recorded: SafetensorsFile
    private let model: Model

    init() throws {
        recorded = try SafetensorsFile(path: Fixtures.path("pointcloud/generator.io.safetensors"))
        model = try ModelCatalogue.open(path, threads: 2).resized(to: [32, 3])
    }

    private func tensor(_ name: String) throws -> Tensor<Float> { try recorded.tensor(name).tensor() }
    private func error(_ values: [Float], _ name: String) throws -> Double {
        relativeError(values, try recorded.tensor(name).doubles())
    }
    private var condition: Condition {
        get throws { Condition(tensors: ["condition": try tensor("z.f64")]) }
    }
    private func executor() throws -> Executor<Float> { Executor(denoiser: model.denoiser, given: try condition) }

    @Test func description() throws {
        let description = try ModelCatalogue.describe(path)
        #expect(description.architecture == "DiffusionPointCloud")
        #expect(description.process == "vp-discrete:point-cloud")
        #expect(description.configuration?["max_iters"] == "inf")
        #expect(description.configuration?["tag"] == .null)
        #expect(description.configuration?["categories"] == ["airplane"])
        #expect(description.key == "state_dict" && description.foreignClasses.isEmpty)
        #expect(!description.tensors.contains { $0.name.hasPrefix("others") })
    }

    @Test func theModelSaysWhatItTakes() throws {
        #expect(try ModelCatalogue.open(path).sampleShape == [2048, 3])
        #expect(model.sampleShape == [32, 3] && model.targetShape == [32, 3])
        #expect(model.process == .vpDiscrete(.pointCloud))
        #expect(model.conditionInputs.required == ["condition": [8]])
        #expect(model.resized(to: [3, 32, 32]).sampleShape == [32, 3])
    }

    @Test func shapesAndNoise() throws {
        let generator = try PointCloudGenerator(weights: CheckpointFile.open(path), pool: ThreadPool(threads: 1))
        let normals = try tensor("w")
        let flow = try #require(generator.flow)
        let shapes = (0..<3).flatMap { flow.shape(from: normals.samples($0..<$0 + 1).elements) }
        #expect(try error(shapes, "z.f64") < 1e-5)
        let noise = generator.network.evaluate(
            try tensor("noise"), levels: [0.02, 0.02, 0.02], shapes: try tensor("z.f64"))
        #expect(try error(noise.elements, "eps.f64") < 1e-5)
    }

    @Test func teacherAndStudents() throws {
        let noise = try tensor("noise")
        let ddim = try Solver(name: "ddim")
        let steps = (0...100).map { Double(100 - $0) / 100 }
        let teacher = try executor().run(ddim.program(process: model.process, times: steps), from: noise)
        #expect(try error(teacher.elements, "teacher.f64") < 1e-5)
        for name in ["uniform4", "quadratic6"] {
            let times = try recorded.tensor("ddim/\(name)/t").doubles()
            let student = try executor().run(ddim.program(process: model.process, times: times), from: noise)
            #expect(try error(student.elements, "ddim/\(name)/x.f64") < 1e-5, "\(name)")
            #expect(
                try relativeError(squares(student), recorded.tensor("ddim/\(name)/mse").doubles()) < 1e-5, "\(name)")
        }
    }

    /// The mean squared difference of each sample from the teacher's.
    private func squares(_ x: Tensor<Float>) throws -> [Float] {
        let teacher = try recorded.tensor("teacher.f64").doubles()
        let size = x.sampleCount
        return (0..<x.batch).map { sample in
            let sum = x.doubles(sample: sample).enumerated().reduce(0.0) { sum, entry in
                let difference = entry.element - teacher[sample * size + entry.offset]
                return sum + difference * difference
            }
            return Float(sum / Double(size))
        }
    }

    /// Gradients with respect to the inner times, the model times and the noise. The recorded steps move the prediction of
    /// the data, which the network makes at the model time, along the solver's times.
    @Test func gradients() throws {
        let (times, modelTimes) = (
            try recorded.tensor("decoupled/t").doubles(), try recorded.tensor("decoupled/t_model").doubles()
        )
        let (process, count) = (model.process, times.count)
        func variable(_ value: Double, _ index: Int, in list: Int) -> Dual {
            index == 0 || index == count - 1
                ? Dual(value) : .variable(value, index: list * count + index, of: 2 * count)
        }
        let solverTimes = times.indices.map { variable(times[$0], $0, in: 0) }
        var program = StepProgram<Dual>()
        for step in 0..<count - 1 {
            let (t, next) = (solverTimes[step], solverTimes[step + 1])
            let data = program.evaluate(program.result, at: variable(modelTimes[step], step, in: 1))
            let ratio = process.sigma(next) / process.sigma(t)
            program.finishStep(
                program.combine([
                    (ratio, program.result), (process.alpha(next) - ratio * process.alpha(t), data),
                ]))
        }
        let trace = try executor().trace(program.values, from: tensor("noise"), policy: .keep)
        #expect(try error(trace.result.elements, "decoupled/x.f64") < 1e-5)
        // The loss is the mean of the samples' mean squares.
        let teacher = try tensor("teacher.f64")
        let cotangent = weightedSum(2 / Double(teacher.count), trace.result, -2 / Double(teacher.count), teacher)
        let gradient = try executor().pullback(trace, cotangent: cotangent)
        let chained = gradient.chained(through: program, count: 2 * count).map { Float($0) }
        #expect(try error(gradient.start.elements, "decoupled/grad_noise") < 1e-5)
        #expect(try error(Array(chained[..<count]), "decoupled/grad_t") < 1e-5)
        #expect(try error(Array(chained[count...]), "decoupled/grad_t_model") < 1e-5)
    }

    /// The shape of a seed is the same in every batch.
    @Test func shapesComeFromSeeds() throws {
        let encoder = try #require(model.conditionEncoder)
        func shapes(_ seeds: [Int64]) throws -> Tensor<Float> {
            try #require(try encoder.encode(.none, seeds: seeds).tensors["condition"])
        }
        let all = try shapes([5, 6, 7, 8, 9, 10, 11])
        for first in [0, 3] {
            #expect(try shapes([Int64(5 + first)]) == all.samples(first..<first + 1))
            #expect(try shapes([Int64(5 + first), Int64(6 + first)]) == all.samples(first..<first + 2))
        }
        let given = try condition
        #expect(try encoder.encode(given, seeds: [1, 2, 3]) == given)
    }

    @Test func anotherProcessIsRefused() {
        #expect(performing: { try ModelCatalogue.open(path, process: .edm) }, throws: { "\($0)".contains("--process") })
    }

    /// Writes the generator as safetensors, with other arguments and without some tensors.
    private func rewritten(
        _ folder: TemporaryFolder, _ arguments: [String: JSONValue], without prefix: String? = nil
    ) throws -> String {
        let weights = try CheckpointFile.open(path)
        let old = try JSONValue(parsing: try #require(weights.configuration)).members ?? []
        let new = arguments.map { JSONValue.Member($0.key, $0.value) }
        let names = weights.tensorNames.filter { name in prefix.map { !name.hasPrefix($0) } ?? true }
        let tensors = try names.map {
            NamedTensor(name: $0, shape: try #require(weights.shape(of: $0)), floats: try weights.floats($0))
        }
        let members = old.filter { arguments[$0.name] == nil } + new
        return try folder.write(
            Safetensors.serialize(metadata: ["config": JSONValue.object(members).text], tensors: tensors), to: "model")
    }

    @Test func safetensorsGiveTheSameModel() throws {
        let folder = try TemporaryFolder()
        let other = try ModelCatalogue.open(rewritten(folder, [:]), threads: 2).resized(to: [32, 3])
        let (a, b) = (try #require(model.conditionEncoder), try #require(other.conditionEncoder))
        #expect(try a.encode(.none, seeds: [4, 5]) == b.encode(.none, seeds: [4, 5]))
        let (noise, given) = (try tensor("noise"), try condition)
        let times = [Double](repeating: 0.5, count: noise.batch)
        #expect(
            try model.denoiser.denoise(noise, at: times, given: given)
                == other.denoiser.denoise(noise, at: times, given: given))
    }

    /// A normal shape needs no flow, and an autoencoder draws no shapes: the stream must have them.
    @Test func otherPriors() throws {
        let folder = try TemporaryFolder()
        let normal = try ModelCatalogue.open(
            rewritten(folder, ["model": "gaussian", "latent_flow_depth": .null], without: "flow."))
        let shapes = try #require(try normal.conditionEncoder?.encode(.none, seeds: [9]).tensors["condition"])
        #expect(shapes.elements == GaussianNoise.conditionNoise(seed: 9, count: 8))
        let autoencoder = try ModelCatalogue.open(rewritten(folder, ["model": .null], without: "flow."))
        #expect(autoencoder.conditionEncoder == nil && autoencoder.conditionInputs.required == ["condition": [8]])
    }

    @Test(arguments: [
        ("latent_dim", "flow.x"), ("latent_flow_depth", "flow.x"), ("latent_flow_depth", "flow.chain.1."),
    ])
    func sizesThatContradictTheTensors(argument: String, missing prefix: String) throws {
        let folder = try TemporaryFolder()
        let file = try rewritten(folder, prefix == "flow.x" ? [argument: 5] : [argument: 2], without: prefix)
        #expect(performing: { try ModelCatalogue.open(file) }, throws: { "\($0)".contains(argument) })
    }
}
