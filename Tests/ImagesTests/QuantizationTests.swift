import Diagnostics
import Images
import Tensors
import Testing

@Suite struct QuantizationTests {
    @Test func roundingIsEDMs() {
        let cases: [(Float, UInt8)] = [
            (-1, 0), (1, 255), (0, 128), (-0.0001, 127), (-2, 0), (2, 255), (.infinity, 255), (-.infinity, 0),
            (1 / 127.5, 129), (0.5 / 127.5, 128),
        ]
        for (value, level) in cases { #expect(Quantization.round.level(value) == level, "\(value)") }
    }

    @Test func truncationIsLD3s() {
        let cases: [(Float, UInt8)] = [(-1, 0), (1, 255), (0, 127), (0.999, 254), (-3, 0), (3, 255)]
        for (value, level) in cases { #expect(Quantization.truncate.level(value) == level, "\(value)") }
    }

    @Test func theRulesDifferByOneLevelForHalfOfAllValues() {
        let values = (0..<100_000).map { Float($0) / 50_000 - 1 }
        let darker = values.count { Quantization.truncate.level($0) + 1 == Quantization.round.level($0) }
        let equal = values.count { Quantization.truncate.level($0) == Quantization.round.level($0) }
        #expect(darker + equal == values.count)
        #expect(abs(darker - values.count / 2) < values.count / 100)
    }

    @Test func picturesHaveTheirChannelsInterleaved() throws {
        let batch = Tensor<Float>(shape: [2, 3, 1, 2], elements: (0..<12).map { Float($0) / 6 - 1 })
        let images = try Quantization.round.images(batch, seeds: [4, 5])
        #expect(images.count == 2)
        #expect(images[1].form == "2x1 RGB")
        let expected = [6, 8, 10, 7, 9, 11].map { Quantization.round.level(Float($0 as Int) / 6 - 1) }
        #expect(images[1].pixels == expected)
        let levels = try Quantization.round.levels(batch, seeds: [4, 5])
        #expect(images[1].planes.elements == levels.samples(1..<2).elements)
    }

    @Test func refusesNaNAndNamesTheSample() throws {
        var batch = Tensor<Float>(shape: [2, 1, 2, 2])
        batch[6] = .nan
        let failure = #expect(throws: Failure.self) { try Quantization.round.images(batch, seeds: [10, 11]) }
        #expect(failure?.status == .data)
        #expect(failure?.place == "seed 11")
    }

    @Test func refusesWhatIsNoPicture() throws {
        for shape in [[1, 8], [1, 2, 4, 4], [1, 3, 4]] {
            #expect(throws: Failure.self) { try Quantization.round.images(Tensor(shape: shape), seeds: [0]) }
        }
    }
}
