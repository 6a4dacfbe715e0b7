import Diagnostics
import Diffusion
import Formats
import Schedules
import Solvers
import TestSupport
import Testing

/// On a flow sigma is t, in lists and in exports.
@Suite struct FlowListTests {
    static let pasted = "1.0,0.6509,0.4374,0.2932,0.1893,0.1108,0.0495,0.00031,0"
    static let times = [1, 0.6509, 0.4374, 0.2932, 0.1893, 0.1108, 0.0495, 0.00031, 0]

    @Test func sigmasAreTimes() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(Self.pasted.utf8, to: "flux.txt")
        for spelling in [file, "sigmas:\(file)", "times:\(file)"] {
            let table = try Discretization(spelling: spelling) ?? .tabulated(TabulatedSchedule(file: spelling))
            #expect(try table.times(steps: 8, process: .flow) == Self.times)
        }
        let steps = Self.times.dropLast().map { "\(1000 * $0)" }.joined(separator: " ")
        let timesteps = try folder.write(steps.utf8, to: "steps.txt")
        let read = try #require(try Discretization(spelling: "timesteps:\(timesteps)"))
        #expect(read.fixedSteps(process: .flow) == 8)
        for (time, expected) in zip(try read.times(steps: 8, process: .flow), Self.times) {
            #expect(abs(time - expected) < 1e-15)
        }
    }

    @Test(arguments: ["0.5 0.3 0.1", "3.0 1.0 0.3 0", "0.997 0.5 0", "1.003 0.5 0"])
    func theFirstValueIsTheStart(text: String) throws {
        let folder = try TemporaryFolder()
        let table = try TabulatedSchedule(file: folder.write(text.utf8, to: "list.txt"))
        let failure = #expect(throws: Failure.self) {
            try table.times(steps: text.split(separator: " ").count - 1, process: .flow)
        }
        #expect(failure?.status == .usage && failure?.message.contains("starts at sigma") == true)
    }

    @Test func exportsPrintTimes() throws {
        let schedule = Schedule(solver: try Solver(.euler), process: .flow, times: Self.times, method: "mine")
        func text(_ format: ScheduleExport.Format) throws -> String {
            String(decoding: try ScheduleExport(format)(schedule).bytes, as: UTF8.self)
        }
        let numbers = "1.0, 0.6509, 0.4374, 0.2932, 0.1893, 0.1108, 0.0495, 0.00031, 0.0"
        #expect(try text(.comfy) == numbers + "\n")
        #expect(try text(.kDiffusion) == "[\(numbers)]\n")
        #expect(try text(.diffusersSigmas) == "[\(numbers)]\n")
        #expect(try text(.stableDiffusionCPP) == numbers.replacing(", ", with: ",") + "\n")
        #expect(
            try text(.diffusersTimesteps) == "[1000.0, 650.9, 437.4, 293.2, 189.3, 110.8, 49.5, 0.31]\n")
        #expect(try JSONValue(parsing: text(.json))["sigmas"]?.doubles == Self.times)
    }
}
