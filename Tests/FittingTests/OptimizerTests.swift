import Fitting
import FittingTestSupport
import Formats
import TestSupport
import Testing

@Suite struct OptimizerTests {
    /// The values of PyTorch's RMSprop on a sequence of gradients.
    @Test func rmspropStepsAsThePaperTrains() {
        var optimizer = RMSprop(learningRate: 0.005, count: 2)
        var x = [1.0, 2.0]
        for k in 0..<5 { optimizer.step(&x, gradient: [0.3 * Double(k + 1), -0.01]) }
        #expect(abs(x[0] - 0.42894623008523) < 1e-13)
        #expect(abs(x[1] - 2.47571045320447) < 1e-13)
    }

    /// The values of PyTorch's clip_grad_norm_.
    @Test func longGradientsAreClipped() {
        let result = clipped([3, 4], to: 1)
        #expect(abs(result[0] - 0.599999880000024) < 1e-14)
        #expect(abs(result[1] - 0.799999840000032) < 1e-14)
        #expect(clipped([0.3, 0.4], to: 1) == [0.3, 0.4])
    }

    /// 20 steps equal those recorded of torch.optim on a quadratic; the learning rate falls before the 13th.
    @Test(arguments: ["rmsprop", "sgd", "sgd_fast"])
    func stepsAreThoseOfPyTorch(name: String) throws {
        let quadratic = try Quadratic()
        let expected = try quadratic.file.doubles("\(name)/f64/param")
        var parameters = quadratic.start
        var rmsprop = RMSprop(learningRate: 0.005, count: parameters.count)
        var sgd = SGD(learningRate: name == "sgd" ? 0.02 : 0.4)
        for step in 0..<20 {
            if step == 12 {
                rmsprop.learningRate *= 0.8
                sgd.learningRate *= 0.8
            }
            let gradient = clipped(quadratic.gradient(parameters), to: 1)
            if name == "rmsprop" {
                rmsprop.step(&parameters, gradient: gradient)
            } else {
                sgd.step(&parameters, gradient: gradient)
            }
            for index in parameters.indices {
                #expect(abs(parameters[index] - expected[step * parameters.count + index]) < 1e-10)
            }
        }
    }
}

/// The quadratic p'Ap/2 - b'p of the fixture.
private struct Quadratic {
    let file: SafetensorsFile
    let matrix: [Double]
    let vector: [Double]
    let start: [Double]

    init() throws {
        file = try SafetensorsFile(path: Fixtures.path("optim/optim.safetensors"))
        matrix = try file.doubles("A")
        vector = try file.doubles("b")
        start = try file.doubles("p0")
    }

    func gradient(_ p: [Double]) -> [Double] {
        p.indices.map { row in
            p.indices.reduce(-vector[row]) { $0 + matrix[row * p.count + $1] * p[$1] }
        }
    }
}
