import Engine
import TensorStream
import TestSupport
import Testing

/// --precision of the programs that evaluate networks.
@Suite struct PrecisionTests {
    private static let noise = "ld3-noise --seeds 0-8"

    @Test(.enabled(if: ProductPrecision.hasTiles, "this processor has no tiles for bfloat16"))
    func theChainKeepsItsPrecision() throws {
        let teacher = "ld3-teacher -q --nfe 4 --precision bf16"
        let whole = try Programs.shell("\(Self.noise) | \(teacher)").output
        let frame = try streamFrames(whole)[0]
        #expect(frame.metadata["ld3.precision"] == "bf16")
        let plain = try streamFrames(try Programs.shell("\(Self.noise) | ld3-teacher -q --nfe 4").output)[0]
        #expect(plain.metadata["ld3.precision"] == nil)
        let (ours, exact) = (try frame.tensor("target").floats(), try plain.tensor("target").floats())
        let error = relativeError(ours, exact.map { Double($0) })
        #expect(error < 0.03 && error > 0, "\(error)")

        let shards = try Programs.shell(
            "for i in 0 1 2; do \(Self.noise) --shard $i/3 | \(teacher) --threads $((i + 1)) --batch 2; done")
        #expect(try streamRows(shards.output, of: "target") == streamRows(whole, of: "target"))

        let fit = "ld3-fit -q --method heuristic --nfe 3 --precision bf16 --format stream"
        let schedule = try streamFrames(
            try Programs.shell("\(Self.noise) | \(teacher) | \(fit)").output)[0]
        #expect(schedule.metadata["ld3.precision"] == "bf16")
        let sample = "ld3-sample -q --schedule logsnr --nfe 3"
        let samples = try streamFrames(try Programs.shell("\(Self.noise) | \(teacher) | \(sample)").output)[0]
        #expect(samples.metadata["ld3.precision"] == nil)
        let mixed = try Programs.shell(
            "(\(Self.noise) --shard 0/2 | \(teacher); \(Self.noise) --shard 1/2 | ld3-teacher -q --nfe 4) | \(fit)")
        #expect(mixed.status == 65 && mixed.errors.contains("ld3.precision"), "\(mixed.errors)")
    }

    @Test(.enabled(if: !ProductPrecision.hasTiles, "this processor has tiles for bfloat16"))
    func isRefusedWithoutTiles() throws {
        let result = try Programs.shell("\(Self.noise) | ld3-teacher --precision bf16")
        #expect(result.status == 64 && result.errors.contains("--precision"), "\(result.errors)")
    }

    @Test(.enabled(if: ProductPrecision.hasTiles, "this processor has no tiles for bfloat16"))
    func isForNetworks() throws {
        let result = try Programs.shell("ld3-teacher --precision bf16 --model gaussian:shape=8 </dev/null")
        #expect(result.status == 64 && result.errors.contains("--precision: is for networks"), "\(result.errors)")
    }
}
