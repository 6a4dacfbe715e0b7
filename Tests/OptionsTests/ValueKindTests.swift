import Diagnostics
import Options
import Testing

@Suite struct ValueKindTests {
    private enum Side: String, CaseIterable { case left, right }

    /// Each kind takes its own values and refuses others with status 64.
    @Test(arguments: [
        (ValueKind.integer(1...9), "9", "10"), (.number(0...1), "0.5", "inf"),
        (.choice(["left", "right"]), "left", "up"),
        (.checked { if $0 != "odd" { throw Failure(.usage, "`\($0)` is not odd") } }, "odd", "even"),
    ])
    func wrongValuesAreRefused(kind: ValueKind, right: String, wrong: String) throws {
        try kind.check(right)
        #expect {
            try kind.check(wrong)
        } throws: { error in
            let failure = error as? Failure
            return failure?.status == .usage && failure?.message.contains(wrong) == true
        }
    }

    @Test func anEnumerationIsAChoice() throws {
        let option = Option.choice("side", cases: Side.self, "which")
        try option.kind.check("right")
        #expect(throws: Failure.self) { try option.kind.check("top") }
        #expect(Failure.option("side up", "is none").place == "--side up")
    }
}
