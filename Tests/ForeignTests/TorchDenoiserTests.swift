import Diagnostics
import Diffusion
import Foundation
import Models
import Tensors
import TestSupport
import Testing

/// scripts/torch_denoiser.py serves a module of PyTorch's: a linear network whose values and gradients are known.
@Suite(
    .enabled(if: Python.imports("torch, numpy"), "python3 with torch and numpy is not there ($PYTHON names another)"))
struct TorchDenoiserTests {
    private let folder: TemporaryFolder
    private let x = Tensor<Float>(shape: [2, 3], elements: [0.3, -0.2, 0.9, 4, -7, 1.5])

    init() throws {
        folder = try TemporaryFolder()
        // The noise prediction (w x + class) t, so that x_0 = x - sigma (w x + class) sigma.
        let module = """
            import torch

            class Net(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.weight = torch.nn.Parameter(torch.tensor([0.5, -0.25, 2.0]))

                def forward(self, x, t, labels):
                    shift = 0 if labels is None else labels.to(x.dtype)[:, None]
                    return (self.weight * x + shift) * t[:, None]

            def load():
                return Net()
            """
        try folder.write(module.utf8, to: "net.py")
    }

    private func open(_ options: String = "", process: NoiseProcess? = nil) throws -> Model {
        let script = "\(Fixtures.root)/scripts/torch_denoiser.py"
        return try ModelCatalogue.open(
            "exec:\(Python.command) '\(script)' '\(folder.file("net.py")):load' --shape 3 --predicts noise \(options)",
            process: process)
    }

    /// Under flow:shift=3 a network is told sigma, whether the script knows of the shift or the user adds it, and its
    /// velocity v gives x_0 = x - sigma v. Libraries may print, and outputs may be tuples.
    @Test(arguments: ["--process flow:shift=3", "--process flow"]) func flowsAreToldSigma(option: String) throws {
        let module = """
            import net
            print("a library says hello")

            class Output(net.Net):
                def forward(self, x, t, labels):
                    print("and again")
                    return (super().forward(x, t, labels),)

            def load():
                return Output()
            """
        try folder.write(module.utf8, to: "printing.py")
        let script = "\(Fixtures.root)/scripts/torch_denoiser.py"
        let model = try ModelCatalogue.open(
            "exec:PYTHONPATH='\(folder.path)' \(Python.command) '\(script)' '\(folder.file("printing.py")):load' --shape 3 "
                + "--predicts velocity \(option)", process: .flow(shift: 3))
        #expect(model.process == .flow(shift: 3))
        let linearization = try model.denoiser.linearize(x, at: [0.5, 0.25], given: .none)
        let pulled = try linearization.pullback(Tensor(shape: [2, 3], elements: [1, -0.5, 2, 0.25, 1, -1]))
        let (sigmas, sigmaRates): ([Float], [Float]) = ([0.75, 0.5], [0.75, 4.0 / 3])
        let (weight, cotangent): ([Float], [Float]) = ([0.5, -0.25, 2], [1, -0.5, 2, 0.25, 1, -1])
        var (values, rates): ([Float], [Float]) = ([], [0, 0])
        for index in 0..<6 {
            let (sigma, slope) = (sigmas[index / 3], weight[index % 3] * x[index])
            values.append(x[index] - sigma * sigma * slope)
            rates[index / 3] -= cotangent[index] * 2 * sigma * slope * sigmaRates[index / 3]
        }
        #expect(relativeError(linearization.value.elements, values) <= 1e-6)
        #expect(relativeError(pulled.times.map(Float.init), rates) <= 1e-6)
    }

    @Test func otherProcessesAreRefused() throws {
        let failure = #expect(throws: Failure.self) {
            try open("--process flow --predicts velocity", process: .vpLinear)
        }
        #expect(failure?.status == .usage && failure?.message.contains("own process is flow") == true)
    }

    /// x_0 = x + sigma^2 score on EDM's process.
    @Test func scoresAreConverted() throws {
        let values = try open("--predicts score").denoiser.denoise(x, at: [0.5, 2], given: .none)
        let weight: [Float] = [0.5, -0.25, 2]
        let expected = (0..<6).map { index in
            let t: Float = index < 3 ? 0.5 : 2
            return x[index] + t * t * weight[index % 3] * x[index] * t
        }
        #expect(relativeError(values.elements, expected) <= 1e-6)
    }

    /// With a table of noise levels, the network is told its time step, and any prediction gives x_0.
    @Test(
        arguments: ["sd", "ldm", "scaled-linear:100,0.001,0.02", "linear:100,0.0001,0.02", "cosine:100"],
        ["noise", "velocity"])
    func noiseTablesAreKnown(table: String, predicts: String) throws {
        let model = try open("--process vp-discrete:\(table) --predicts \(predicts)")
        let process = model.process
        #expect(process.spelling == "vp-discrete:\(table)")
        let (times, weight): ([Double], [Float]) = ([0.31, 0.5555], [0.5, -0.25, 2])
        let count = table.contains(":") ? 100.0 : 1000
        let values = try model.denoiser.denoise(x, at: times, given: .none)
        let expected = (0..<6).map { index in
            let t = times[index / 3], output = Double(weight[index % 3] * x[index]) * (count * t - 1)
            let (alpha, sigma) = (process.alpha(t), process.sigma(t))
            return Float(
                predicts == "noise"
                    ? (Double(x[index]) - sigma * output) / alpha : alpha * Double(x[index]) - sigma * output)
        }
        #expect(relativeError(values.elements, expected) <= 2e-6)
        let pulled = try model.denoiser.linearize(x, at: times, given: .none).pullback(
            Tensor(shape: [2, 3], elements: [1, 1, 1, 1, 1, 1]))
        for sample in 0..<2 {
            let near = try [-1e-5, 1e-5].map { move in
                let moved = try model.denoiser.denoise(x, at: times.map { $0 + move }, given: .none)
                return moved.elements[3 * sample..<3 * sample + 3].reduce(0) { $0 + Double($1) }
            }
            #expect(abs(pulled.times[sample] / ((near[1] - near[0]) / 2e-5) - 1) < 0.01)
        }
    }

    /// The script knows no formula of one process, EDM's has no velocity, and a flow starts without signal.
    @Test(arguments: [
        "--process vp-discrete:point-cloud --predicts noise", "--process edm --predicts velocity",
        "--process flow --predicts noise", "--process flow:shift=3 --predicts score",
    ])
    func predictionsThatDoNotGiveTheData(options: String) throws {
        let failure = #expect(throws: Failure.self) { try open(options) }
        #expect(failure?.status == .inputOutput)
    }

    @Test func valuesAndPullbackAreTheModules() throws {
        let model = try open("--labels 2")
        #expect(model.sampleShape == [3] && model.labelCount == 2 && model.process == .edm)
        let (weight, times, labels): ([Float], [Double], [Int]) = ([0.5, -0.25, 2], [0.5, 2], [1, 0])
        let cotangent = Tensor<Float>(shape: [2, 3], elements: [1, -0.5, 2, 0.25, 1, -1])
        let linearization = try model.denoiser.linearize(x, at: times, given: Condition(classes: labels))
        let pulled = try linearization.pullback(cotangent)
        var (values, slopes): ([Float], [Float]) = ([], [])
        var rates: [Float] = [0, 0]
        for index in 0..<6 {
            let (sample, w) = (index / 3, weight[index % 3])
            let (t, inner) = (Float(times[sample]), w * x[index] + Float(labels[sample]))
            values.append(x[index] - t * t * inner)
            slopes.append(cotangent[index] * (1 - t * t * w))
            rates[sample] -= cotangent[index] * 2 * t * inner
        }
        #expect(relativeError(linearization.value.elements, values) <= 1e-6)
        #expect(relativeError(pulled.x.elements, slopes) <= 1e-6)
        #expect(relativeError(pulled.times.map(Float.init), rates) <= 1e-6)
    }

    @Test func aWholePipeFitsAlongIt() throws {
        let command =
            "\(Python.command) \(Fixtures.root)/scripts/torch_denoiser.py \(folder.file("net.py")):load --shape 3"
        let result = try Programs.shell(
            "ld3-noise -n 8 --shape 3 | ld3-teacher -q --nfe 6 | ld3-fit -q --nfe 3 --rounds 1,1 --format text",
            environment: ["LD3_MODEL": "exec:\(command) --process edm:0.002,0.9"])
        #expect(result.status == 0 && result.text.contains("ipndm"), "\(result.errors)")
    }

    @Test func withoutGradientsItSaysSo() throws {
        #expect(try !open("--no-pullback").denoiser.hasPullback)
    }
}
