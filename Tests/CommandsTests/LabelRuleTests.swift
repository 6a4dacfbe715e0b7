import Commands
import Diagnostics
import Testing

@Suite struct LabelRuleTests {
    @Test func labelsFollowTheRule() throws {
        let seeds: [Int64] = [0, 1, 11, 12]
        #expect(try LabelRule(parsing: "none").labels(seeds, classes: 5) == nil)
        #expect(try LabelRule(parsing: "balanced").labels(seeds, classes: 5) == [0, 1, 1, 2])
        #expect(try LabelRule(parsing: "3").labels(seeds, classes: 5) == [3, 3, 3, 3])
        let drawn = try #require(try LabelRule(parsing: "uniform").labels(Array(0..<500), classes: 5))
        #expect(Set(drawn) == Set(0..<5))
        #expect(try LabelRule(parsing: "uniform").labels([499], classes: 5) == [drawn[499]])
    }

    @Test func refusals() throws {
        #expect { try LabelRule(parsing: "balance") } throws: {
            ($0 as? Failure)?.suggestion == "did you mean balanced?"
        }
        try LabelRule(parsing: "4").check(classes: 5)
        #expect { try LabelRule(parsing: "5").check(classes: 5) } throws: {
            ($0 as? Failure)?.description == "5 is not one of the 5 classes, 0 to 4"
        }
        #expect(throws: Failure.self) { try LabelRule(parsing: "-1").check(classes: 5) }
    }
}
