import Diagnostics
import Testing

@Suite struct FailureTests {
    @Test func isOneLineWithPlaceAndSuggestion() {
        let failure = Failure(.data, place: "frame 3", "ends early", suggestion: "did it fail?").at("standard input")
        #expect(failure.description == "standard input: frame 3: ends early; did it fail?")
        #expect(Failure(.data, "alone").at("here").description == "here: alone")
    }

    /// A tensor's name may come from a hostile file and go to a terminal.
    @Test func namesCannotBreakTheLineOrSteerTheTerminal() {
        let failure = Failure(.data, "no tensor named `a\u{1b}[2J\nb\u{2028}`")
        #expect(failure.description == "no tensor named `a\\u{1b}[2J\\u{a}b\\u{2028}`")
    }

    @Test func veryLongNamesAreCut() {
        let failure = Failure(.data, String(repeating: "é", count: 100_000))
        #expect(failure.description.count == 4003)
    }

    @Test func nearestWordIsSuggested() {
        let words = ["--seeds", "--shard", "--shape", "--labels"]
        #expect(nearest(to: "--seedz", among: words) == "--seeds")
        #expect(nearest(to: "--shrad", among: words) == "--shard")
        #expect(nearest(to: "--lab", among: words) == "--labels")
        #expect(nearest(to: "--frobnicate", among: words) == nil)
        #expect(nearest(to: "", among: []) == nil)
    }
}
