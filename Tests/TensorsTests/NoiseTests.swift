import Formats
import Foundation
import Tensors
import TestSupport
import Testing

private func sample(_ generator: GaussianNoise, seed: Int64, count: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, filled in
        generator.fill(UnsafeMutableBufferPointer(rebasing: buffer[..<count]), seed: seed)
        filled = count
    }
}

@Suite struct NoiseTests {
    /// The known-answer tests of the authors' Random123 library.
    @Test func philoxKnownAnswers() {
        let zero = Philox(key: SIMD2(0, 0)).words(at: SIMD4(0, 0, 0, 0))
        #expect(zero == SIMD4(0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
        let ones = Philox(key: SIMD2(repeating: .max)).words(at: SIMD4(repeating: .max))
        #expect(ones == SIMD4(0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
        let pi = Philox(key: SIMD2(0xA409_3822, 0x299F_31D0)).words(
            at: SIMD4(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344))
        #expect(pi == SIMD4(0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
    }

    /// C++ requires this value of mt19937: the 10,000th word with the default seed.
    @Test func mersenneTwisterKnownAnswer() {
        var generator = MersenneTwister(seed: 5489)
        for _ in 1..<10_000 { _ = generator.next() }
        #expect(generator.next() == 4_123_659_995)
    }

    /// Numbers computed by another implementation of docs/STREAM.md.
    @Test func conditionNoise() {
        let expected: [Float] = [-0.28926347, -0.7942412, 1.4198756, -0.931796, 0.5808582]
        let values = GaussianNoise.conditionNoise(seed: 7, count: 5)
        #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-6 }, "\(values)")
    }

    @Test func elementsDoNotDependOnTheCount() {
        let long = sample(.philox, seed: 3, count: 103)
        for count in [1, 2, 3, 4, 5, 102] { #expect(sample(.philox, seed: 3, count: count) == Array(long[..<count])) }
    }

    @Test(arguments: GaussianNoise.allCases) func isStandardNormal(_ generator: GaussianNoise) {
        let values = (0..<64).flatMap { sample(generator, seed: $0, count: 4096) }.map { Double($0) }
        let count = Double(values.count)
        func moment(_ power: Int) -> Double {
            values.reduce(0) { sum, value in sum + (0..<power).reduce(1.0) { product, _ in product * value } } / count
        }
        // The tolerance is five standard errors of each moment's estimate.
        let error = 5 / count.squareRoot()
        #expect(abs(moment(1)) < error)
        #expect(abs(moment(2) - 1) < error * 2.squareRoot())
        #expect(abs(moment(3)) < error * 15.squareRoot())
        #expect(abs(moment(4) - 3) < error * 96.squareRoot())
        #expect(Set(values).count > values.count * 95 / 100)
    }

    @Test func torchIsMatched() throws {
        let recorded = try SafetensorsFile(path: Fixtures.path("noise/torch.safetensors"))
        #expect(recorded.tensorNames.count == 15)
        for name in recorded.tensorNames {
            let parts = name.split(separator: "/")
            let (count, seed) = (try #require(Int(parts[0])), try #require(Int64(parts[1])))
            let theirs = try recorded.floats(name)
            let worst = zip(sample(.torch, seed: seed, count: count), theirs).map { abs($0 - $1) }.max()
            #expect(theirs.count == count)
            #expect(try #require(worst) <= 4e-7, "\(name)")
        }
    }

    @Test func labelsAreUniform() {
        var counts = [Int](repeating: 0, count: 10)
        for seed in 0..<Int64(10_000) { counts[GaussianNoise.label(seed: seed, classes: 10)] += 1 }
        for count in counts { #expect(abs(count - 1000) < 150) }
    }

    /// A move stays in its ball, depends on the seed alone, and is uniform in the ball: (|move| / R)^d is uniform.
    @Test func movesFillTheirBall() {
        func move(_ seed: Int64, radius: Double) -> Double {
            var values = [Float](repeating: 0, count: 5)
            GaussianNoise.move(&values, within: radius, seeds: [seed])
            return values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        }
        let shares = (0..<2000).map { seed in pow(move(Int64(seed), radius: 0.3) / 0.3, 5) }
        #expect(shares.allSatisfy { $0 < 1 + 1e-5 })
        #expect(abs(shares.reduce(0, +) / 2000 - 0.5) < 0.03)
        #expect(abs(Double(shares.filter { $0 < 0.25 }.count) / 2000 - 0.25) < 0.04)
        #expect(abs(move(7, radius: 2) / move(7, radius: 1) - 2) < 1e-6 && move(7, radius: 1) != move(8, radius: 1))
    }
}
