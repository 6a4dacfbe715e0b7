import Checkpoints
import Diagnostics
import Diffusion
import Formats
import Schedules
import Solvers
import TestSupport
import Testing

/// Every export of ours reads back to the same schedule under the same process.
@Suite struct ReadBackTests {
    static let processes: [NoiseProcess] = [
        .edm, .edm(minimum: 1e-3, maximum: 700), .edm(minimum: 1e-8, maximum: 1), .vpLinear, .vpCosine,
        .vpDiscrete(.stableDiffusion), .vpDiscrete(.latentDiffusion), .vpDiscrete(.pointCloud), .flow,
        .interval(start: 10, end: 0.1),
    ]

    /// Returns how each export is named to a program, and how far its times may be off.
    private func spellings(
        _ format: ScheduleExport.Format, _ file: String, _ process: NoiseProcess
    ) -> [(spelling: String, tolerance: Double)] {
        switch format {
        case .comfy, .kDiffusion, .diffusersSigmas, .stableDiffusionCPP:
            return [(file, 1e-9), ("sigmas:\(file)", 1e-9)]
        case .diffusersTimesteps:
            return [("timesteps:\(file)", process.table.map { 0.51 / Double($0.count) } ?? 1e-12)]
        case .table:
            guard process.hasNoiseLevels else { return [(file, 0), ("times:\(file)", 0)] }
            let lists = [(file, 0), ("times:\(file)", 0), ("sigmas:\(file)", 1e-9), ("logsnrs:\(file)", 1e-9)]
            let tolerance = process.table.map { 0.51 / Double($0.count) } ?? 1e-9
            return lists + (process.timestep(1) == nil ? [] : [("timesteps:\(file)", tolerance)])
        case .json: return [(file, 0)]
        case .npy: return [("times:\(file)", 0)]
        case .ld3: return [(file, 1e-7)]
        }
    }

    private func read(_ spelling: String, _ process: NoiseProcess) throws -> Schedule {
        let request = try ScheduleRequest(
            schedule: spelling, solver: nil, order: nil, variant: nil, evaluations: nil, steps: nil)
        return try request.schedule(for: process, fallback: (process.hasNoiseLevels ? "euler" : "foreign", nil)) {
            Issue.record("\(spelling), \(process.spelling): \($0)")
        }
    }

    @Test(arguments: ScheduleExport.Format.allCases, [true, false])
    func exportsReadBack(format: ScheduleExport.Format, isTied: Bool) throws {
        let folder = try TemporaryFolder()
        for process in Self.processes {
            let solver = try Solver(process.hasNoiseLevels ? .euler : .foreign)
            var schedule = try Schedule(.quadratic, solver: solver, steps: 6, process: process)
            if !isTied {
                schedule.modelTimes = schedule.times.enumerated().map { (1..<6).contains($0) ? 0.99 * $1 : $1 }
            }
            let export = ScheduleExport(format, terminal: .keep, dropsModelTimes: true)
            guard (try? export.check(process: process, steps: 6)) != nil else { continue }
            let bytes = try export(schedule).bytes
            let file = try folder.write(bytes, to: "list.txt")
            for (spelling, tolerance) in spellings(format, file, process) {
                let again = try read(spelling, process)
                let name = "\(format.rawValue) as \(spelling), \(process.spelling)"
                #expect(again.steps == 6 && again.times[0] == process.start && again.times[6] == process.end, "\(name)")
                for (time, expected) in zip(again.times, schedule.times) {
                    #expect(abs(time - expected) <= tolerance * max(1, abs(expected)), "\(name)")
                }
                if tolerance == 0, format != .json { #expect(try export(again).bytes == bytes, "\(name)") }
            }
        }
    }

    @Test(arguments: [ScheduleExport.Format.table, .npy, .json, .ld3])
    func modelTimesReadBack(format: ScheduleExport.Format) throws {
        let folder = try TemporaryFolder()
        for process in Self.processes {
            let solver = try Solver(process.hasNoiseLevels ? .euler : .foreign)
            var schedule = try Schedule(.quadratic, solver: solver, steps: 4, process: process)
            schedule.modelTimes = schedule.times.enumerated().map { (1..<4).contains($0) ? 0.99 * $1 : $1 }
            let file = try folder.write(ScheduleExport(format)(schedule).bytes, to: "list.txt")
            let again = try read(format == .npy ? "times:\(file)" : file, process)
            for (time, expected) in zip(again.modelTimes, schedule.modelTimes) {
                #expect(
                    abs(time - expected) <= (format == .ld3 ? 1e-7 * expected : 0), "\(format), \(process.spelling)")
            }
        }
    }
}

/// Faults of lists are told by what stands in the file.
@Suite struct ListFaultTests {
    /// Returns the failure of a list under a process, or nil if it is followed.
    private func failure(_ bytes: some Collection<UInt8>, _ prefix: String = "", _ process: NoiseProcess = .edm) throws
        -> Failure?
    {
        let folder = try TemporaryFolder()
        let file = try folder.write(bytes, to: "list.txt")
        do {
            let request = try ScheduleRequest(
                schedule: prefix + file, solver: "euler", order: nil, variant: nil, evaluations: nil, steps: nil)
            _ = try request.schedule(for: process, fallback: ("euler", nil)) { _ in }.program()
            return nil
        } catch let failure as Failure { return failure }
    }

    private static let mark: [UInt8] = [0xef, 0xbb, 0xbf]

    @Test func listsThatAreRead() throws {
        for text in [
            "80, 20, 5, 1, 0.1, 0.002", "80\r\n20\r\n0.002\r\n", "80\t20\t0.002,", "+80 2e1 2E-3", "[80. 20. \n 0.002]",
            "[[80, 20, 0.002]]",
            "[[80], [20], [0.002]]", "80\u{a0}20\u{2009}0.002", "step,sigma\n0,80\n1,20\n2,0.002\n",
            "\"t\"\n80\n0.002\n",
            ",sigma\n0,80\n1,0.002\n", "# sigma\n80\n0.002", "{\"Sigmas\": [80, 20, 0]}", "{\"sigma\": [[80, 0.002]]}",
            "80.1 0.00200001", "sigmas = [80, 20, 0]", "sigmas: [80, 20,\n 0]\n", "sigmas:\n  - 80\n  - 2e1\n  - 0\n",
            "- 80.0\n- 20\n- 0", "timesteps = [999]\nsigmas = [80, 0]", "\"sigmas\": [80, 20],",
        ] {
            #expect(try failure(text.utf8) == nil, "\(text)")
            #expect(try failure(Self.mark + Array(text.utf8)) == nil, "\(text), with a mark")
        }
        let thousand = (0...1000).map { "\(80 - 0.079 * Double($0))" }.joined(separator: "\n")
        #expect(try failure(thousand.utf8) == nil)
        #expect(try failure("{\"timesteps\": [999, 500, 0]}".utf8, "", .vpDiscrete(.stableDiffusion)) == nil)
        #expect(try failure("999".utf8, "timesteps:", .vpDiscrete(.stableDiffusion)) == nil)
    }

    @Test(arguments: [
        ("80,0; 20,5; 5,2; 0,1", "`80,0` seems to have a decimal comma"), ("80,0\n20,5\n", "decimal comma"),
        ("80 20,5 5,2 0,1", "decimal comma"),
        ("sigma\n80,5\n20,5", "column sigma: `80,5` seems to have a decimal comma"),
        ("n;sigma\n0;80,5\n1;2,5", "decimal comma"),
        ("[[80, 20], [5, 1]]", "holds 2 lists"), ("[80, 20] [80, 20]", "holds 2 lists"),
        ("80 20 0.002\n80 20 0.002", "number 4, 80, follows 0.002; does it hold two lists?"),
        ("{\"steps\": 5, \"x\": [1]}", "it holds steps, x"), ("{\"sigmas\": [80, null]}", "sigmas: number 2 is null"),
        ("{\"sigmas\": \"80\"}", "no list of numbers"), ("80, 20, -1", "number 3, -1, is negative"),
        ("80 \u{2212}20", "is negative"), ("80 5\u{2013}1", "U+2013"), ("0x50 20", "hexadecimal"),
        ("80 2D1 1", "write 2e1"),
        ("80 1e400", "out of range"), ("inf, 20, 1", "number 1, inf, is infinite"),
        ("80 nan 1", "number 2 is not-a-number"),
        ("80.10, 80.10, 1", "number 2, 80.10, follows 80.10"), ("80", "at least 2 values"),
        ("[80, 20, 5", "does not close a bracket"), ("80, 1]", "was not opened"),
        ("  \n", "holds no number"),
        ("0.002, 1, 80", "rises, from data at 0.002"), ("90.00, 1", "starts at sigma = 90.00, the process edm at 80.0"),
        ("a,b\n1,2", "it holds a, b"), ("sigma\n80 20", "line 2 has 2 cells"),
        ("sigmas = [80]", "at least 2 values"), ("x = [80, 20]", "holds no list named"), ("x: [80, 20]", "it holds x"),
        ("sigmas = np.array([80, 20])", "sigmas: `np.array(` is not a number"),
        ("sigmas: [[80, 20], [80, 1]]", "sigmas: holds 2 lists"), ("80\u{0}20, 1", "byte 3 is zero"),
        ("- 80\n20\n- 1", "`-` is not a number"),
        ("{\"times\": [80, 5, 0.002], \"model_times\": [80, 5]}", "2 numbers in model_times beside 3 in times"),
        ("{\"times\": [80, 5, 0.002], \"model_times\": [80, null, 0.002]}", "in model_times that is no number"),
        ("t,t_model\n80,80\n5,x\n0.002,0.002", "in t_model that is no number"),
        ("t,t_model\n80,80\n5,-10\n0.002,0.002", "model time 2, -10.0, is none of the process edm"),
        ("t,t_model\n80,7\n5,5\n0.002,0.002", "the model times start at 7.0, the process at 80.0"),
        ("sigmas = [80, 20]\nsigmas = [80, 10]", "holds 2 lists named sigmas"),
        ("{\"sigma\": [80, 20], \"sigmas\": [80, 10]}", "holds 2 lists named sigmas"),
        ("sigma,sigma\n80,80\n1,1", "holds 2 lists named sigmas"),
        ("sigmas = [80, 20, 1]\nlogsnrs = [1, 2]", "2 numbers in logsnrs beside 3 in sigmas"),
        ("999 850 24 0", "write timesteps:FILE"), ("{\"timesteps\": [999, 0]}", "<process>"),
    ]) func faultsAreNamed(text: String, message: String) throws {
        let failure = try #require(try failure(text.utf8))
        #expect("\(failure)".contains(message), "\(failure)")
        #expect(failure.status == .data || failure.status == .usage)
    }

    /// Model times stand beside times in an object too, and other arrays of an archive are not looked at.
    @Test func otherLists() throws {
        let folder = try TemporaryFolder()
        let object = try folder.write(
            "{\"times\": [80, 5, 0.002], \"model_times\": [80, 5.5, 0.002]}".utf8, to: "a.json")
        #expect(try TabulatedSchedule(file: object).modelTimes == [80, 5.5, 0.002])
        let arrays = [
            NamedTensor(name: "others", shape: [2, 2, 2], floats: [Float](repeating: 1, count: 8)),
            NamedTensor(name: "sigmas", shape: [3], doubles: [80, 5, 0.002]),
        ]
        let archive = try folder.write(NPZFile.serialize(arrays), to: "a.npz")
        #expect(try TabulatedSchedule(file: archive).times(steps: 2, process: .edm) == [80, 5, 0.002])
    }

    /// A list of one time step that is no step.
    @Test func oneTimestep() throws {
        #expect(
            try failure("0".utf8, "timesteps:", .vpDiscrete(.stableDiffusion))?.description.contains("no step") == true)
        #expect(try failure("999".utf8, "timesteps:", .edm)?.description.contains("no step") == true)
        #expect(try failure("[999, 0]".utf8, "timesteps:", .edm)?.description.contains("does not have") == true)
    }

    @Test func otherBytesAreNamed() throws {
        let wide: [UInt8] = "80, 20, 1".utf8.flatMap { byte -> [UInt8] in [byte, 0] }
        for bytes in [wide, [0xff, 0xfe] + wide] {
            #expect(try failure(bytes)?.description.contains("UTF-16") == true)
        }
        #expect(try failure([0x38, 0xff, 0x30])?.description.contains("UTF-8") == true)
    }

    /// A list that begins where another quantity would is told so.
    @Test func theOtherQuantityIsNamed() throws {
        #expect(try failure("1 0.5 0.001".utf8, "", .vpLinear)?.suggestion?.contains("times:FILE") == true)
        #expect(
            try failure("14.6146 1 0.03".utf8, "times:", .vpDiscrete(.stableDiffusion))?.suggestion?.contains(
                "sigmas:FILE") == true)
        #expect(try failure("1000 500 0".utf8, "sigmas:", .flow)?.suggestion?.contains("timesteps:FILE") == true)
        for process in [NoiseProcess.edm, .vpCosine, .vpDiscrete(.stableDiffusion)] {
            let suggestion = try failure("1.0 0.65 0.1 0".utf8, "", process)?.suggestion
            #expect(suggestion?.contains("sigmas of a flow, name <process> flow") == true, "\(process.spelling)")
        }
        let below = try failure("999 500 -2".utf8, "timesteps:", .vpDiscrete(.stableDiffusion))
        #expect(below?.suggestion == "the time steps of process vp-discrete:sd end at 0, and -1 stands for the data")
        #expect(try failure("-2.682 3.53".utf8, "times:", .vpDiscrete(.stableDiffusion))?.status == .data)
        for process in [NoiseProcess.vpCosine, .edm, .vpDiscrete(.stableDiffusion), .flow] {
            #expect(
                try failure("\(process.start) -0.5".utf8, "times:", process)?.status == .data, "\(process.spelling)")
            #expect(try failure("\(process.start) 0".utf8, "times:", process) == nil, "\(process.spelling)")
        }
    }

    /// Columns of a table agree under the process for which it was made, and under no other.
    @Test func columnsAgree() throws {
        let folder = try TemporaryFolder()
        for process in ReadBackTests.processes where process.hasNoiseLevels {
            let schedule = try Schedule(.uniform, solver: Solver(.euler), steps: 5, process: process)
            let table = try ScheduleExport(.table)(schedule).bytes
            #expect(try failure(table, "", process) == nil, "\(process.spelling)")
            for other in ReadBackTests.processes where other.hasNoiseLevels && other != process {
                #expect(try failure(table, "", other) != nil, "\(process.spelling) under \(other.spelling)")
            }
        }
        let file = try folder.write("t,sigma\n1,152.17\n0.5,3.5\n0.001,0.01\n".utf8, to: "table.csv")
        #expect(
            throws: Failure(
                .data, place: "discretization \(file)",
                "row 2: t = 0.5 is sigma = 3.4129 of the process vp-linear, but the column sigma says 3.5",
                suggestion: "name the <process> that the table was made for, or leave one column")
        ) { try TabulatedSchedule(file: file).times(steps: 2, process: .vpLinear) }
        for text in [
            "{\"sigmas\": [14.6146, 1, 0.03], \"timesteps\": [999, 100, 0]}",
            "sigmas = [14.6146, 1, 0]\ntimesteps = [999, 100]",
        ] {
            let failure = try failure(text.utf8, "", .vpDiscrete(.stableDiffusion))
            #expect(failure?.message.contains("row 2: sigma = 1") == true, "\(text)")
        }
    }

    @Test func aListThatStopsShortIsTold() throws {
        let folder = try TemporaryFolder()
        func notes(_ text: String, _ process: NoiseProcess) throws -> [String] {
            let request = try ScheduleRequest(
                schedule: folder.write(text.utf8, to: "list.txt"), solver: nil, order: nil, variant: nil,
                evaluations: nil,
                steps: nil)
            var notes: [String] = []
            _ = try request.schedule(for: process, fallback: ("euler", nil)) { notes.append($0) }
            return notes
        }
        #expect(try notes("80 20 10", .edm).contains { $0.contains("sigma = 10, above the end of process edm, 0.002") })
        #expect(try notes("1 0.5 0.1", .flow).count == 1)
        for (text, process) in [("80 0.002", .edm), ("80 0", .edm), ("1 0", .flow), ("80 0.001", .edm)]
            as [(String, NoiseProcess)]
        {
            #expect(try notes(text, process).isEmpty, "\(text)")
        }
    }
}
