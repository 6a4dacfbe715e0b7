import Diagnostics
import Diffusion
import Schedules
import Solvers
import Testing

/// Lists that are cut for two models, or rescaled.
@Suite struct ChangedListTests {
    private func text(_ export: ScheduleExport, _ schedule: Schedule) throws -> String {
        String(decoding: try export(schedule).bytes, as: UTF8.self)
    }

    @Test func listsAreCutInTwo() throws {
        let schedule = Schedule(
            solver: try Solver(.euler), process: .edm(minimum: 1, maximum: 64), times: [64, 16, 4, 1], method: "mine")
        var export = ScheduleExport(.comfy)
        export.cutSigma = 4
        #expect(try text(export, schedule) == "64.0, 16.0, 4.0\n4.0, 0.0\n")
        export.cutSigma = 15
        #expect(try text(export, schedule) == "64.0, 16.0, 4.0\n4.0, 0.0\n")
        #expect(try export(schedule).notes.contains { $0.contains("cut at sigma 4.0") })
        export.cutSigma = 60
        #expect(try text(export, schedule) == "64.0, 16.0\n16.0, 4.0, 0.0\n")
        export.cutSigma = 2
        #expect(try text(export, schedule) == "64.0, 16.0, 4.0, 2.0\n2.0, 0.0\n")
        #expect(try export(schedule).notes.contains { $0.contains("one step more") })
        export.firstSigma = 10
        #expect(try text(export, schedule) == "10.0, 4.0, 2.0\n2.0, 0.0\n")
        for outside in [64.0, 10, 1, 0] {
            export.cutSigma = outside
            #expect(throws: Failure.self) { try export(schedule) }
        }
        let flow = Schedule(solver: schedule.solver, process: .flow, times: [1, 0.9, 0.5, 0], method: "mine")
        var kDiffusion = ScheduleExport(.kDiffusion)
        kDiffusion.cutSigma = 0.875
        #expect(try text(kDiffusion, flow) == "[1.0, 0.9, 0.5]\n[0.5, 0.0]\n")
    }

    @Test func listsAreRescaled() throws {
        let schedule = Schedule(
            solver: try Solver(.euler), process: .edm(minimum: 1, maximum: 64), times: [64, 8, 1], method: "mine")
        var export = ScheduleExport(.comfy, terminal: .keep)
        export.range = 0.01...100
        #expect(try text(export, schedule) == "100.0, 1.0, 0.01\n")
        #expect(try export(schedule).notes.contains { $0.contains("not what was learned") })
        let zero = Schedule(solver: schedule.solver, process: .edm, times: [64, 8, 1, 0], method: "mine")
        #expect(try text(export, zero) == "100.0, 1.0, 0.01, 0.0\n")
    }

    /// A list that ends at 0, as our exports do, can be interpolated, and gets no second 0.
    @Test func aLastZeroStays() throws {
        let schedule = Schedule(solver: try Solver(.euler), process: .edm, times: [64, 16, 4, 0], method: "mine")
        var export = ScheduleExport(.comfy, terminal: .appendZero)
        export.resampledSteps = 5
        #expect(try text(export, schedule) == "64.0, 32.0, 16.0, 8.0, 4.0, 0.0\n")
        export.resampledSteps = 1
        #expect(throws: Failure.self) { try export(schedule) }
        export.resampledSteps = nil
        export.namesSolver = false
        #expect(try export(schedule).notes == ["4 values, 3 steps; the last step goes to 0"])
    }

    /// The note tells which level a 0 replaces or follows.
    @Test(arguments: [
        (ScheduleExport.Terminal.keep, "3 values, 2 steps"),
        (.replaceZero, "3 values, 2 steps; the last sigma, 0.5, is replaced by 0"),
        (.appendZero, "4 values, 3 steps; a step from 0.5 to 0 is added, one evaluation more than learned"),
    ])
    func theReplacedLevelIsNamed(terminal: ScheduleExport.Terminal, note: String) throws {
        let schedule = Schedule(solver: try Solver(.euler), process: .edm, times: [64, 16, 4], method: "mine")
        var export = ScheduleExport(.comfy, terminal: terminal)
        export.range = 0.5...8
        export.namesSolver = false
        #expect(try export(schedule).notes.last == note)
    }

    @Test func aSingleStepToZeroIsNotInterpolated() throws {
        let schedule = Schedule(solver: try Solver(.euler), process: .edm, times: [80, 0], method: "mine")
        var export = ScheduleExport(.comfy, terminal: .keep)
        export.resampledSteps = 5
        #expect(throws: Failure.self) { try export(schedule) }
        export.resampledSteps = 1
        #expect(try text(export, schedule) == "80.0, 0.0\n")
    }

    /// Levels that twelve decimals would make 0 keep their digits.
    @Test func smallLevels() throws {
        let process = NoiseProcess.edm(minimum: 1.25e-13, maximum: 1)
        let schedule = Schedule(
            solver: try Solver(.euler), process: process, times: [1, 2.5e-9, 1.25e-13], method: "mine")
        #expect(try text(.init(.comfy, terminal: .keep), schedule) == "1.0, 0.0000000025, 0.000000000000125\n")
    }
}
