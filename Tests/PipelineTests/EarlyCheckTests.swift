import TestSupport
import Testing

/// Fits that cannot be made are refused once the first pairs have come. The stream of these tests ends within its second
/// frame, so that a program which reads on tells of that instead.
struct EarlyCheckTests {
    private func pairs(_ options: String) throws -> [UInt8] {
        let result = try Programs.shell("ld3-noise -n 8 --shape 8 | ld3-teacher -q --batch 4 \(options)")
        #expect(result.status == 0, "\(result.errors)")
        return result.output.dropLast(10)
    }

    @Test(arguments: [
        ("--method=d-ode --solver=unipc", Int32(64), "no form for solver unipc"),
        ("--model=gaussian:shape=9", 65, "[8]"), ("--loss=perceptual", 64, "[8]"),
        ("--method=gits --teacher-steps=3", 64, "do not fit a teacher's 3"),
    ])
    func refusedBeforeTheSecondFrame(options: String, status: Int32, told: String) throws {
        let input = try pairs("--model gaussian:shape=8 --nfe 4")
        let result = try Programs.run(
            "ld3-fit", ["--nfe=5"] + options.split(separator: " ").map(String.init), input: input)
        #expect(result.status == status && result.errors.contains(told), "\(result.errors)")
        #expect(!result.errors.contains("ends after"), "\(result.errors)")
    }

    /// More pairs than the stream announces are told of before the second frame.
    @Test func tooFewPairsAreTold() throws {
        let input = try pairs("--model gaussian:shape=8 --nfe 4")
        let result = try Programs.run("ld3-fit", ["--nfe=5", "--train=6", "--validation=3"], input: input)
        #expect(
            result.errors.hasPrefix(
                "ld3-fit: warning: standard input announces 8 pairs, and 9 are needed: another part must follow\n"),
            "\(result.errors)")
        #expect(result.status == 65 && result.errors.contains("ends after"))
    }

    @Test(arguments: [
        "--method=dmn", "--method=gits", "--method=ays", "--heuristics=logsnr", "--mode=lambda",
        "--solver=dpm-solver --order=2",
    ])
    func refusedOnAFlow(options: String) throws {
        let input = try pairs("--model gaussian:shape=8 --process flow --solver euler --schedule uniform --nfe 4")
        let result = try Programs.run(
            "ld3-fit", ["--nfe=4"] + options.split(separator: " ").map(String.init), input: input)
        #expect(result.status == 64 && result.errors.contains("flow"), "\(result.errors)")
    }
}
