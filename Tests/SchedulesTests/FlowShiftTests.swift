import Diffusion
import Formats
import Schedules
import Solvers
import TestSupport
import Testing

/// A schedule under a shift keeps times that are not shifted yet, and its lists of sigmas are shifted.
@Suite struct FlowShiftTests {
    private let process = NoiseProcess.flow(shift: 3)
    private let times = [1, 0.75, 0.5, 0.25, 0]

    @Test func listsAreShiftedAndReadBack() throws {
        let folder = try TemporaryFolder()
        let schedule = Schedule(solver: try Solver(.euler), process: process, times: times, method: "mine")
        for (format, quantity, expected) in [
            (ScheduleExport.Format.comfy, "sigmas", "1.0, 0.9, 0.75, 0.5, 0.0\n"),
            (.diffusersSigmas, "sigmas", "[1.0, 0.9, 0.75, 0.5, 0.0]\n"),
            (.diffusersTimesteps, "timesteps", "[1000.0, 900.0, 750.0, 500.0]\n"),
        ] {
            let (bytes, notes) = try ScheduleExport(format)(schedule)
            #expect(String(decoding: bytes, as: UTF8.self) == expected)
            #expect(format == .diffusersTimesteps || notes.contains { $0.contains("shifted already") })
            let file = try folder.write(bytes, to: "list.txt")
            let table = try #require(try Discretization(spelling: "\(quantity):\(file)"))
            for (time, own) in zip(try table.times(steps: 4, process: process), times) {
                #expect(abs(time - own) < 1e-12)
            }
        }
        let json = try JSONValue(parsing: ScheduleExport(.json)(schedule).bytes)
        #expect(json["process"]?.string == "flow:shift=3.0" && json["times"]?.doubles == times)
        for (sigma, expected) in zip(try #require(json["sigmas"]?.doubles), [1, 0.9, 0.75, 0.5, 0]) {
            #expect(abs(sigma - expected) < 1e-15)
        }
        #expect(try Schedule(json: json).times == times)
    }
}
