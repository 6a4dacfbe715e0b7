import Tensors
import Testing

@Suite struct SplitMixTests {
    /// The first numbers of the authors' reference implementation for the seed 1234567.
    @Test func knownAnswers() {
        var generator = SplitMix(seed: 1_234_567)
        let numbers = (0..<5).map { _ in generator.next() }
        #expect(
            numbers == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test func permutationsHoldEveryNumberOnce() {
        var generator = SplitMix(seed: 3)
        let permutation = generator.permutation(100)
        #expect(permutation.sorted() == Array(0..<100) && permutation != Array(0..<100))
        #expect(generator.permutation(0) == [] && generator.permutation(1) == [0])
    }

    @Test func uniformNumbersKeepToTheirIntervals() {
        var generator = SplitMix(seed: 4)
        let numbers = (0..<10_000).map { _ in generator.uniform() }
        #expect(numbers.allSatisfy { (0..<1).contains($0) } && abs(numbers.reduce(0, +) / 10_000 - 0.5) < 0.02)
        let signed = (0..<10_000).map { _ in generator.signedUniform() }
        #expect(signed.allSatisfy { (-1..<1).contains($0) } && abs(signed.reduce(0, +) / 10_000) < 0.04)
    }
}
