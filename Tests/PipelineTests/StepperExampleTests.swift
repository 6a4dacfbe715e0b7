import Formats
import Foundation
import TensorStream
import TestSupport
import Testing

/// The stepper of docs/STREAM.md and those of examples/.
@Suite struct StepperExampleTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(.enabled(if: Programs.exists("cc"), "there is no C compiler")) func plainCWithoutGradients() throws {
        let program = folder.file("eight_points")
        let compiled = try Programs.shell("cc -O2 -o \(program) \(Fixtures.root)/examples/eight_points.c -lm")
        #expect(compiled.status == 0, "\(compiled.errors)")
        let teacher = "ld3-teacher -q --schedule uniform --nfe 64"
        let result = try Programs.shell(
            """
            ld3-noise --seeds 0-19 | \(teacher) | ld3-fit -q --nfe 4 > \(folder.file("four"))
            ld3-noise --seeds 100-149 | \(teacher) | ld3-sample -q --schedule \(folder.file("four")) > \(folder.file("learned"))
            ld3-noise --seeds 100-149 | \(teacher) | ld3-sample -q --schedule uniform --nfe 4 > \(folder.file("uniform"))
            """, environment: ["LD3_MODEL": "exec:\(program)"])
        #expect(result.status == 0, "\(result.errors)")
        func error(_ name: String) throws -> Double {
            let frame = try SafetensorsFile(path: folder.file(name))
            let (image, target) = (try frame.tensor("image").doubles(), try frame.tensor("target").doubles())
            return zip(image, target).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        #expect(try error("learned") < error("uniform"))
    }

    /// Root mean square and share within 2 Angstrom of 1,200 poses along a schedule.
    private func docking(_ schedule: String, _ model: [String: String]) throws -> (rms: Double, within2: Double) {
        let judged = folder.file("judged.ld3")
        if !FileManager.default.fileExists(atPath: judged) {
            let noise = "ld3-noise --seeds 10000-11199 --labels balanced"
            let made = try Programs.shell(
                "\(noise) | ld3-teacher -q --schedule uniform --steps 18 > \(judged)", environment: model)
            #expect(made.status == 0, "\(made.errors)")
        }
        let result = try Programs.shell("ld3-sample -q --schedule \(schedule) < \(judged)", environment: model)
        #expect(result.status == 0, "\(result.errors)")
        let losses = try streamFrames(result.output).flatMap { try $0.tensor("loss").doubles() }
        #expect(losses.count == 1200)
        let count = Double(losses.count)
        return ((losses.reduce(0, +) / count).squareRoot(), Double(losses.count { $0 < 4 }) / count)
    }

    /// Ten pairs are enough, with the sampler's gradients and without any. The numbers are those of docs/results/docking.md.
    @Test(.enabled(if: Python.imports("numpy"), "python3 with numpy is not there ($PYTHON names another)"))
    func aRigidBodyDocks() throws {
        let command = "exec:\(Python.command) '\(Fixtures.root)/examples/rigid_docking.py'"
        let model = ["LD3_MODEL": command]
        #expect(abs(try docking("uniform --nfe 6", model).rms - 4.637) < 1e-3)
        #expect(abs(try docking("quadratic --nfe 6", model).rms - 8.984) < 1e-3)
        for variables in [model, ["LD3_MODEL": "exec:LD3_PULLBACK=no " + command.dropFirst("exec:".count)]] {
            let schedule = folder.file("six.safetensors")
            let pairs = "ld3-noise --seeds 0-9 --labels balanced | ld3-teacher -q --schedule uniform --steps 18"
            let fit = try Programs.shell(
                "\(pairs) | ld3-fit -q --nfe 6 > \(schedule)", environment: variables)
            #expect(fit.status == 0, "\(fit.errors)")
            let reached = try docking(schedule, variables)
            #expect(reached.rms <= 2.5 && reached.within2 >= 0.95, "\(reached)")
        }
    }

    /// -1 means no label, and no receptor either.
    @Test(.enabled(if: Python.imports("numpy"), "python3 with numpy is not there ($PYTHON names another)"))
    func aPoseWithoutAReceptorIsRefused() throws {
        let model = ["LD3_MODEL": "exec:\(Python.command) '\(Fixtures.root)/examples/rigid_docking.py'"]
        let unlabel = try folder.write(
            """
            import sys
            sys.path.insert(0, sys.argv[1])
            from ld3_stream import frames
            for frame in frames():
                frame["label"] = 0 * frame["label"].numpy() - 1
                frame.write()
            """.utf8, to: "unlabel.py")
        for noise in [
            "ld3-noise --seeds 0-3",
            "ld3-noise --seeds 0-3 --labels balanced | \(Python.command) \(unlabel) '\(Fixtures.root)/scripts'",
        ] {
            let result = try Programs.shell(
                "\(noise) | ld3-teacher -q --schedule uniform --steps 2", environment: model)
            #expect(result.status == 74 && result.output.isEmpty, "\(result.errors)")
            #expect(result.errors.contains("ld3-noise --labels draws them"), "\(result.errors)")
        }
    }

    /// scripts/ld3_stream.py says which types it cannot give or take; the order of bytes is the stream's.
    @Test(.enabled(if: Python.imports("numpy"), "python3 with numpy is not there ($PYTHON names another)"))
    func typesOfTheStreamInPython() throws {
        let script = try folder.write(
            """
            import array, sys
            sys.path.insert(0, sys.argv[1])
            import numpy
            from ld3_stream import Tensor
            def told(function):
                try:
                    return function()
                except TypeError as error:
                    return error
            print(told(Tensor("BF16", (2,), bytes(4)).numpy))
            print(told(Tensor("F16", (2,), bytes(4)).values))
            print(told(lambda: Tensor.of(numpy.zeros(2, complex))))
            print(told(lambda: Tensor.of(array.array("u", "ab"))))
            print(list(Tensor.of(numpy.array([1, -2], ">f4")).values()), Tensor("F16", (1,), b"\\x00\\x3c").numpy())
            print(Tensor.of(array.array("f", [1]), ()).shape)
            """.utf8, to: "types_in_python.py")
        let result = try Programs.shell("\(Python.command) \(script) '\(Fixtures.root)/scripts'")
        #expect(
            result.text == """
                NumPy has no type for BF16: the tensor's bytes are in its `data`
                array.array has no type for F16: the tensor's bytes are in its `data`
                a stream has no type for `complex128` of NumPy
                a stream has no type for `u` of array.array
                [1.0, -2.0] [1.]
                ()

                """, "\(result.errors)")
    }

    @Test(.enabled(if: Python.imports("numpy"), "python3 with numpy is not there ($PYTHON names another)"))
    func theSamplerOfThePage() throws {
        let page = String(decoding: try Fixtures.contents(ofDocument: "docs/STREAM.md"), as: UTF8.self)
        let start = try #require(page.range(of: "\"\"\"halving.py"))
        let end = try #require(page.range(of: "```", range: start.lowerBound..<page.endIndex))
        let path = try folder.write(page[start.lowerBound..<end.lowerBound].utf8, to: "halving.py")
        let result = try Programs.shell(
            "ld3-noise --seeds 0-19 | ld3-teacher -q --schedule uniform --steps 8",
            environment: ["LD3_MODEL": "exec:PYTHONPATH='\(Fixtures.root)/scripts' \(Python.command) \(path)"])
        #expect(result.status == 0, "\(result.errors)")
        let frame = try #require(streamFrames(result.output).first)
        let (noise, target) = (try frame.tensor("noise").doubles(), try frame.tensor("target").doubles())
        for (x, y) in zip(noise, target) { #expect(abs(y - (1 + (x - 1) / 16)) < 1e-5) }
    }

    /// The adapter of DiffDock with a stand-in that has DiffDock's functions.
    @Test(
        .enabled(
            if: Python.imports("numpy, torch"), "python3 with torch and numpy is not there ($PYTHON names another)"))
    func theAdapterOfDiffDock() throws {
        let command = "\(Python.command) '\(Fixtures.path("foreign/docking.py"))' '\(Fixtures.root)/examples'"
        let check = try Programs.shell("\(command) check")
        #expect(check.status == 0 && check.text.contains("all is well"), "\(check.errors)")
        let result = try Programs.shell(
            "ld3-noise --seeds 0-9 --labels balanced | ld3-teacher -q --schedule uniform --steps 18 | ld3-fit -q --nfe 4 --rounds 1,1",
            environment: ["LD3_MODEL": "exec:\(command)"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(try streamFrames(result.output).first?.metadata["ld3.loss"] == "foreign")
    }
}
