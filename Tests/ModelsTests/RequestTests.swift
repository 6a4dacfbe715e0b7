import Diagnostics
import Diffusion
import Formats
import Models
import Schedules
import Solvers
import TensorStream
import Tensors
import TestSupport
import Testing

struct ModelRequestTests {
    private func origin(_ metadata: [String: String]) -> [Origin] {
        [.init(place: "in", metadata: metadata)]
    }

    @Test func theInputsModelIsUsed() throws {
        let metadata = ["ld3.model": "gaussian:shape=4,std=0.25", "ld3.process": "vp-linear"]
        let model = try ModelRequest().open(for: origin(metadata)) { _ in }
        #expect(model.sampleShape == [4])
        #expect(model.process == .vpLinear)
        #expect(model.metadata == metadata)
        #expect(try ModelRequest().open { _ in }.name == "mnist32")
    }

    @Test func anotherDigestIsRefused() throws {
        let metadata = ["ld3.model": "mnist32", "ld3.model_sha256": String(repeating: "0", count: 64)]
        #expect { try ModelRequest().open(for: origin(metadata)) { _ in } } throws: {
            ($0 as? Failure)?.status == .data && ($0 as? Failure)?.place == "in"
        }
        #expect(try ModelRequest(allowsOther: true).open(for: origin(metadata)) { _ in }.name == "mnist32")
    }

    @Test func anotherNameWithoutDigestIsWarnedOf() throws {
        var warnings: [String] = []
        let model = try ModelRequest(name: "gaussian:shape=2").open(for: origin(["ld3.model": "exec:x"])) {
            warnings.append($0)
        }
        #expect(model.sampleShape == [2])
        #expect(warnings.count == 1 && warnings[0].contains("exec:x"))
    }

    /// Recorded settings are read even if the user gives others. If one does not fit, the failure is one of the data.
    @Test(arguments: [
        (["ld3.guidance": "abc"], ModelRequest(guidance: 2)),
        (["ld3.guidance": "3"], ModelRequest(name: "gaussian:shape=2")),
        (["ld3.weights": "../raw"], ModelRequest(weightSet: .raw)), (["ld3.weights": "raw"], ModelRequest()),
        (["ld3.weights": "raw", "ld3.model": "digits64"], ModelRequest()),
        (["ld3.process": "flow", "ld3.model": "mnist32"], ModelRequest()),
    ])
    func faultyMetadataAreData(metadata: [String: String], request: ModelRequest) throws {
        let failure = try #require(throws: Failure.self) { _ = try request.open(for: origin(metadata)) { _ in } }
        let key = try #require(metadata.keys.first { $0 != "ld3.model" })
        #expect(failure.status == .data && "\(failure)".contains("in: ") && "\(failure)".contains(key), "\(failure)")
    }

    @Test func aSettingThatTheUserGivesIsTheUsers() throws {
        let failure = try #require(throws: Failure.self) {
            _ = try ModelRequest(name: "gaussian:shape=2", guidance: 2).open(for: origin(["ld3.guidance": "3"])) { _ in
            }
        }
        #expect(failure.status == .usage && failure.place == "guidance")
    }

    @Test(arguments: [
        ("no-such-file.pkl", Diagnostics.ExitStatus.noInput), ("gmm:no-such-file", .noInput),
        ("gaussian:shape=x", .usage),
        ("random:nothing", .usage),
    ])
    func unknownModels(name: String, status: Diagnostics.ExitStatus) {
        #expect { try ModelCatalogue.open(name) } throws: { ($0 as? Failure)?.status == status }
    }

    @Test func corruptWeightsAreData() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write([UInt8](repeating: 9, count: 100), to: "net.safetensors")
        #expect { try ModelCatalogue.open(path) } throws: { ($0 as? Failure)?.status == .data }
    }

    @Test func guidanceNeedsClasses() {
        #expect { try ModelCatalogue.open("gaussian:shape=2", guidance: 2) } throws: {
            ($0 as? Failure)?.status == .usage
        }
    }
}

struct ScheduleRequestTests {
    private func request(
        _ schedule: String, solver: String? = nil, order: Int? = nil, evaluations: Int? = nil, steps: Int? = nil
    ) throws -> ScheduleRequest {
        try ScheduleRequest(
            schedule: schedule, solver: solver, order: order, variant: nil, evaluations: evaluations, steps: steps)
    }

    private func file(in folder: TemporaryFolder, budgets: [Int]) throws -> String {
        let schedules = try budgets.map {
            try Schedule(.edm, solver: Solver(.ipndm, order: 3), evaluations: $0, process: .edm)
        }
        return try folder.write(schedules.flatMap { try $0.frame().image }, to: "schedule.safetensors")
    }

    @Test func namedDiscretization() throws {
        let schedule = try request("logsnr", solver: "heun", evaluations: 7)
            .schedule(for: .edm, fallback: ("unipc", 20)) { _ in }
        #expect(schedule.steps == 3)
        #expect(try schedule.evaluations() == 6)
        #expect(try schedule.summary() == "heun along logsnr: 3 steps, 6 evaluations, 4 values")
        let fallback = try request("edm").schedule(for: .edm, fallback: ("unipc", 20)) { _ in }
        #expect(fallback.steps == 20 && fallback.solver.name == "unipc 3 bh1")
        #expect(throws: Failure.self) { try request("edm").schedule(for: .edm, fallback: ("unipc", nil)) { _ in } }
        #expect(throws: Failure.self) { try request("edm", evaluations: 5, steps: 5) }
    }

    @Test func aRangeNeedsAChoice() throws {
        let folder = try TemporaryFolder()
        let path = try file(in: folder, budgets: [4, 5, 6])
        #expect(try request(path, evaluations: 5).schedule(for: .edm, fallback: ("ddim", nil)) { _ in }.steps == 5)
        for bad in [try request(path), try request(path, evaluations: 7)] {
            #expect { try bad.schedule(for: .edm, fallback: ("ddim", nil)) { _ in } } throws: {
                ($0 as? Failure)?.status == .usage
            }
        }
    }

    @Test func solverOptionsOverrideAFileWithANote() throws {
        let folder = try TemporaryFolder()
        let path = try file(in: folder, budgets: [5])
        var notes: [String] = []
        let changed = try request(path, solver: "dpm-solver++", order: 2)
            .schedule(for: .edm, fallback: ("ddim", nil)) { notes.append($0) }
        #expect(changed.solver.name == "dpm-solver++ 2")
        #expect(notes.count == 1 && notes[0].contains("ipndm 3"))
        let same = try request(path, order: 3).schedule(for: .edm, fallback: ("ddim", nil)) { notes.append($0) }
        #expect(same.solver.name == "ipndm 3" && notes.count == 1)
    }

    @Test func anotherProcessIsRefused() throws {
        let folder = try TemporaryFolder()
        let path = try file(in: folder, budgets: [5])
        #expect { try request(path).schedule(for: .vpLinear, fallback: ("ddim", nil)) { _ in } } throws: {
            ($0 as? Failure)?.status == .data
        }
    }

    @Test func aMissingFileSuggestsANearName() {
        #expect { try request("logsnrr") } throws: {
            ($0 as? Failure)?.status == .noInput && ($0 as? Failure)?.suggestion?.contains("logsnr") == true
        }
    }
}
