import Checkpoints
import Diagnostics
import Diffusion
import Formats
import Schedules
import SolverTestSupport
import Solvers
import TensorStream
import Tensors
import TestSupport
import Testing

@Suite struct ScheduleTests {
    /// Returns a schedule with everything that a frame can say.
    static func rich() throws -> Schedule {
        var schedule = try Schedule(
            .logSNR, solver: Solver(.unipc, options: [.bh2]), steps: 5, process: .vpDiscrete(.stableDiffusion))
        schedule.modelTimes = schedule.times.enumerated().map { (1...4).contains($0) ? 0.99 * $1 : $1 }
        schedule.method = "ld3"
        schedule.loss = "l2"
        (schedule.lossBefore, schedule.lossAfter) = (0.25, 0.125)
        schedule.record([
            "ld3.model": "some.pt", "ld3.model_sha256": "abc", "ld3.guidance": "3.0", "ld3.weights": "raw",
            "ld3.architecture_sha256": "def", "ld3.decoder": "vae", "ld3.decoder_sha256": "0", "my.key": "kept",
            "ld3.history": Provenance(entries: [.init(program: "ld3-fit", version: "1", arguments: ["--nfe=5"])]).text,
        ])
        let recursion = try schedule.solver.recursion(
            process: schedule.process, times: schedule.times, modelTimes: schedule.modelTimes)
        schedule.coefficients = CoefficientMatrices(recursion)
        return schedule
    }

    @Test func framesAndDocumentsRoundTrip() throws {
        for solver in everySolver {
            let schedule = try Schedule(.edm, solver: solver, steps: 6, process: .edm)
            #expect(try Schedule(frame: schedule.frame()) == schedule)
            #expect(try Schedule(json: schedule.json()) == schedule)
        }
        let rich = try Self.rich()
        let frame = try rich.frame()
        #expect(try Schedule(frame: frame) == rich)
        let text = try rich.json().indentedText
        #expect(try Schedule(json: JSONValue(parsing: text)) == rich)
        #expect(frame.metadata["ld3.nfe"] == "5" && frame.metadata["ld3.prediction"] == "data")
    }

    /// Coefficients that are taken from a solver give the results of that solver, bit for bit.
    @Test func coefficientsReproduceTheSolver() throws {
        let executor = Executor<Double>(denoiser: try planeMixture())
        let start = Tensor(shape: [1, 2], elements: [60, -35.0])
        for solver in everySolver {
            let times = try Discretization.edm.times(steps: 5, process: .edm)
            let recursion = try solver.recursion(process: .edm, times: times, modelTimes: times)
            let matrices = CoefficientMatrices(recursion)
            let program = StepProgram(matrices.recursion(modelTimes: recursion.modelTimes), process: .edm)
            let own = try solver.program(process: .edm, times: times)
            #expect(program.evaluations == own.evaluations, "\(solver.name)")
            #expect(try executor.run(program, from: start) == executor.run(own, from: start), "\(solver.name)")
        }
    }

    @Test func badFrames() throws {
        let good = try Self.rich().frame()
        func refused(_ change: (inout Frame) -> Void) -> Bool {
            var frame = good
            change(&frame)
            do {
                _ = try Schedule(frame: frame)
                return false
            } catch { return (error as? Failure)?.status == .data }
        }
        func replace(_ frame: inout Frame, _ name: String, _ shape: [Int], _ values: [Double]) {
            frame.tensors.removeAll { $0.name == name }
            frame.tensors.append(NamedTensor(name: name, shape: shape, doubles: values))
        }
        for key in ["ld3.kind", "ld3.solver", "ld3.order", "ld3.process"] {
            #expect(refused { $0.metadata[key] = nil }, "\(key)")
            #expect(refused { $0.metadata[key] = "nonsense" }, "\(key)")
        }
        #expect(refused { $0.metadata["ld3.prediction"] = "guess" })
        #expect(refused { $0.tensors.removeAll { $0.name == "t" } })
        #expect(refused { replace(&$0, "t", [6], [1, 0.8, 0.9, 0.4, 0.2, 0.001]) })
        #expect(refused { replace(&$0, "t", [6], [1, 0.8, .nan, 0.4, 0.2, 0.001]) })
        #expect(refused { replace(&$0, "t", [6], [2, 0.8, 0.6, 0.4, 0.2, 0.001]) })
        #expect(refused { replace(&$0, "t", [1], [1]) })
        #expect(refused { replace(&$0, "t_model", [5], [1, 0.8, 0.6, 0.4, 0.2]) })
        #expect(refused { replace(&$0, "predictor_state", [4, 4], [Double](repeating: 0, count: 16)) })
        #expect(refused { replace(&$0, "predictor_state", [25], [Double](repeating: 0, count: 25)) })
        #expect(refused { replace(&$0, "predictor_output", [5, 5], [Double](repeating: 1, count: 25)) })
        #expect(refused { $0.tensors.removeAll { $0.name == "predictor_output" } })
        #expect(refused { $0.tensors.removeAll { $0.name == "corrector_output" } })
    }

    @Test func published() throws {
        let stable = NoiseProcess.vpDiscrete(.stableDiffusion)
        for table in PublishedSchedules.all {
            for list in table.lists { #expect(zip(list, list.dropFirst()).allSatisfy { $0 != $1 }) }
            #expect(try Discretization(spelling: table.spelling) == .tabulated(table))
        }
        let ays = try #require(try Discretization(spelling: "ays:sd15"))
        let ten = try ays.times(steps: 10, process: stable)
        #expect(ten[0] == stable.start && ten[10] == stable.end)
        #expect(abs(stable.scaledSigma(ten[5]) - 1.3943805092) < 1e-12)
        // Every second entry of 20 steps is an entry of the table, those between are geometric means.
        let twenty = try ays.times(steps: 20, process: stable).map { stable.scaledSigma($0) }
        #expect(abs(twenty[11] - (1.3943805092 * 0.9642583904).squareRoot()) < 1e-12)
        let gits = try #require(try Discretization(spelling: "gits:comfy-1.20"))
        #expect(try gits.times(steps: 4, process: stable).count == 5)
        #expect(throws: Failure.self) { try gits.times(steps: 40, process: stable) }
        #expect(throws: Failure.self) { try ays.times(steps: 10, process: .edm) }
        #expect(throws: Failure.self) { try Discretization(spelling: "ays:sd3") }
        for (name, process) in [
            ("dmn:edm", .edm), ("dmn:vp-linear", .vpLinear), ("dmn:sd", stable),
            ("dmn:ldm", .vpDiscrete(.latentDiffusion)),
        ] as [(String, NoiseProcess)] {
            let dmn = try #require(try Discretization(spelling: name))
            let times = try dmn.times(steps: 6, process: process)
            #expect(times[0] == process.start && times[6] == process.end)
        }
    }

    @Test func lists() throws {
        let folder = try TemporaryFolder()
        let sigmas = [80.0, 5, 0.4, 0.002]
        let tensor = NamedTensor(name: "sigmas", shape: [4], doubles: sigmas)
        for path in [
            try folder.write("80 5 0.4 2e-3\n".utf8, to: "a.txt"),
            try folder.write("[80.0, 5, 0.4, 0.002]".utf8, to: "a.json"),
            try folder.write(#"{"sigmas": [80, 5, 0.4, 0.002]}"#.utf8, to: "b.json"),
            try folder.write(NPY.serialize(tensor), to: "a.npy"),
        ] {
            let table = try TabulatedSchedule(file: path)
            #expect(table.quantity == .sigma && table.fixedSteps(process: nil) == 3)
            #expect(try table.times(steps: 3, process: .edm) == sigmas)
        }
        let logs = try folder.write(#"{"logsnrs": [-4.382026634673881, 0, 6.214608098422191]}"#.utf8, to: "c.json")
        #expect(try TabulatedSchedule(file: logs).times(steps: 2, process: .edm)[1] == 1)
        let times = try folder.write("1 0.5 0.001".utf8, to: "t.txt")
        let spelt = try #require(try Discretization(spelling: "times:\(times)"))
        #expect(try spelt.times(steps: 2, process: .vpLinear) == [1, 0.5, 0.001])
        let zero = try folder.write("80 5 0.4 0".utf8, to: "z.txt")
        #expect(try TabulatedSchedule(file: zero).times(steps: 3, process: .edm) == [80, 5, 0.4, 0])
        for text in ["80", "", "80 5 6 0.002", "80 x", "14.6 1 0.03"] {
            let path = try folder.write(text.utf8, to: "bad.txt")
            #expect(throws: Failure.self) { try TabulatedSchedule(file: path).times(steps: 3, process: .edm) }
        }
    }
}

@Suite struct ScheduleExportTests {
    private func text(_ export: ScheduleExport, _ schedule: Schedule) throws -> String {
        String(decoding: try export(schedule).bytes, as: UTF8.self)
    }

    @Test func consumers() throws {
        var schedule = try Schedule(.edm, solver: Solver(.ipndm), steps: 4, process: .edm)
        schedule.times[3] = 0.0000125
        schedule.times[4] = 0.00001
        schedule.modelTimes = schedule.times
        let numbers = "80.0, 17.527831964644, 2.515218976147, 0.0000125"
        #expect(try text(.init(.comfy), schedule) == numbers + ", 0.0\n")
        #expect(try text(.init(.comfy, terminal: .keep), schedule) == numbers + ", 0.00001\n")
        #expect(try text(.init(.kDiffusion, terminal: .appendZero), schedule) == "[\(numbers), 0.00001, 0.0]\n")
        #expect(try text(.init(.diffusersSigmas), schedule) == "[\(numbers), 0.0]\n")
        #expect(
            try text(.init(.stableDiffusionCPP), schedule) == numbers.replacing(", ", with: ",") + ",0.0\n")
        #expect(try ScheduleExport(.comfy)(schedule).notes.contains { $0.contains("5 values, 4 steps") })
        let array = try NPY.parse(ScheduleExport(.npy)(schedule).bytes, name: "t")
        #expect(try array.shape == [5] && array.doubles() == schedule.times)
        #expect(throws: Failure.self) { try ScheduleExport(.diffusersTimesteps)(schedule) }
    }

    /// A list can be interpolated, and cut for a picture with little noise. The notes say that it was not learned so.
    @Test func listsAreResampledAndCut() throws {
        let schedule = Schedule(solver: try Solver(.ipndm), process: .edm, times: [64, 16, 4, 1], method: "mine")
        var export = ScheduleExport(.comfy, terminal: .keep)
        export.resampledSteps = 6
        #expect(try text(export, schedule) == "64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0\n")
        export.firstSigma = 10
        #expect(try text(export, schedule) == "10.0, 8.0, 4.0, 2.0, 1.0\n")
        export.firstSigma = 8.0000001
        #expect(try text(export, schedule) == "8.0000001, 4.0, 2.0, 1.0\n")
        export.firstSigma = 64
        #expect(try text(export, schedule) == "64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0\n")
        export.firstSigma = 10
        let notes = try export(schedule).notes
        #expect(notes.contains { $0.contains("5 values, 4 steps") } && notes.contains { $0.contains("interpolated") })
        export.resampledSteps = nil
        export.terminal = .replaceZero
        export.firstSigma = 64
        #expect(try text(export, schedule) == "64.0, 16.0, 4.0, 0.0\n")
        for outside in [65.0, 1, 0] {
            export.firstSigma = outside
            #expect(throws: Failure.self) { try export(schedule) }
        }
    }

    @Test func timesteps() throws {
        let stable = NoiseProcess.vpDiscrete(.stableDiffusion)
        let schedule = try Schedule(.uniform, solver: Solver(.dpmSolverPlusPlus, order: 2), steps: 3, process: stable)
        #expect(try text(.init(.diffusersTimesteps), schedule) == "[999, 666, 333]\n")
        let crowded = Schedule(
            solver: schedule.solver, process: stable, times: [1, 0.5001, 0.5, 0.001], method: "mine")
        #expect(try text(.init(.diffusersTimesteps), crowded) == "[999, 499, 498]\n")
        #expect(
            try ScheduleExport(.diffusersTimesteps)(crowded).notes == ["1 time step moved, so that no two are the same"]
        )
        let low = Schedule(
            solver: schedule.solver, process: stable, times: [1, 0.0022, 0.0021, 0.0014, 0.001], method: "mine")
        #expect(try text(.init(.diffusersTimesteps), low) == "[999, 3, 2, 1]\n")
    }

    /// An export that a consumer cannot carry is refused and tells the loss. On request the rest is exported.
    @Test func lossIsTold() throws {
        let rich = try ScheduleTests.rich()
        for format in ScheduleExport.Format.allCases where format != .json {
            do {
                _ = try ScheduleExport(format, tiedLoss: 0.5)(rich)
                Issue.record("\(format) carries coefficients")
            } catch let failure as Failure {
                #expect(failure.status == .usage && failure.message.contains("0.125, without 0.5"))
            }
            let notes = try ScheduleExport(format, dropsModelTimes: true)(rich).notes
            #expect(notes.contains { $0.contains("cannot carry") })
        }
        let document = try JSONValue(parsing: text(.init(.json), rich))
        #expect(try Schedule(json: document) == rich)
    }

    /// The reader of PyTorch's files reads the .pt of the reference LD3 back, with its model times.
    @Test func referenceFile() throws {
        var schedule = try ScheduleTests.rich()
        schedule.coefficients = nil
        let folder = try TemporaryFolder()
        let path = try folder.write(ScheduleExport(.ld3)(schedule).bytes, to: "best_v2.pt")
        let source = try CheckpointFile.open(path)
        #expect(source.tensorNames == ["best_t_steps"] && source.shape(of: "best_t_steps") == [12])
        let table = try TabulatedSchedule(file: path)
        let again = try Schedule(.tabulated(table), solver: schedule.solver, steps: 5, process: schedule.process)
        for (a, b) in zip(again.times + again.modelTimes, schedule.times + schedule.modelTimes) {
            #expect(abs(a - b) < 1e-7)
        }
        #expect(!again.isTied && again.times[0] == 1)
    }
}
