import Formats
import TestSupport
import Testing

/// The programs on a flow, whose log-SNR is infinite at both ends.
@Suite struct FlowProgramTests {
    private static let noise = "ld3-noise -n 8 --shape 2"
    private static let model = "--model gaussian:shape=2,mean=0.3,std=0.4"

    private func pairs(_ process: String) -> String {
        "\(Self.noise) | ld3-teacher -q \(Self.model) --process \(process) --schedule uniform --nfe 12"
    }

    /// Every number of a fit with model times is finite, in every solver's form.
    @Test(arguments: ["flow", "flow:shift=3"]) func fitsAreFinite(process: String) throws {
        for solver in ["unipc", "dpm-solver++", "dpm-solver++s --order 2", "deis-tab --order 2", "ipndm", "euler"] {
            let fit = "ld3-fit -q --solver \(solver) --nfe 4 --rounds 1,1"
            let result = try Programs.shell("\(pairs(process)) | \(fit) --export json")
            #expect(result.status == 0, "\(solver): \(result.errors)")
            let json = try JSONValue(parsing: result.output)
            let times = try #require(json["times"]?.doubles)
            let sigmas = try #require(json["sigmas"]?.doubles)
            #expect(times.first == 1 && times.last == 0 && sigmas.first == 1 && sigmas.last == 0)
            #expect((times + sigmas).allSatisfy(\.isFinite) && !result.text.contains("[null"))
            #expect(json["loss_after"]?.double?.isFinite == true)
        }
    }

    @Test func theReportTellsSigma() throws {
        let result = try Programs.shell("\(pairs("flow")) | ld3-fit -q --method heuristic --nfe 3 --format text")
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.text.contains("sigma") && !result.text.contains("inf"))
    }

    @Test(arguments: ["dmn", "gits", "ays"]) func methodsWithoutAFiniteLogSNRSaySo(method: String) throws {
        let result = try Programs.shell("\(pairs("flow")) | ld3-fit -q --method \(method) --nfe 4")
        #expect(result.status == 64 && result.errors.contains("needs a finite log-SNR"), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1 && result.output.isEmpty)
    }

    @Test(arguments: ["edm", "logsnr", "vp-time:1", "ays:sdxl", "gits:cifar10", "dmn:edm", "dmn:sd"])
    func gridsOfOtherProcessesAreRefused(grid: String) throws {
        let result = try Programs.shell(
            "\(Self.noise) | ld3-sample -q \(Self.model) --process flow --solver euler --schedule \(grid) --steps 4")
        #expect(result.status == 64 && result.output.isEmpty, "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    }

    /// Even steps under a shift make the samples that the shifted grid makes.
    @Test func shiftsAgree() throws {
        let sample = "\(Self.noise) | ld3-sample -q \(Self.model) --solver unipc --nfe 5"
        let outputs = try ["--process flow --schedule shift:3", "--process flow:shift=3 --schedule uniform"].map {
            try streamFrames(Programs.shell("\(sample) \($0)").output).flatMap { try $0.tensor("image").floats() }
        }
        #expect(outputs[0].count == 16 && outputs[1].count == 16)
        #expect(zip(outputs[0], outputs[1]).allSatisfy { abs($0 - $1) < 1e-6 })
    }
}
