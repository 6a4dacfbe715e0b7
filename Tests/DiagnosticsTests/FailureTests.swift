import Diagnostics
import Testing

@Suite struct FailureTests {
    @Test func isOneLineWithPlaceAndSuggestion() {
        let failure = Failure(.data, place: "frame 3", "ends early", suggestion: "did it fail?").at("standard input")
        #expect(failure.description == "standard input: frame 3: ends early; did it fail?")
        #expect(Failure(.data, "alone").at("here").description == "here: alone")
    }

    @Test func aPlaceIsNamedOnce() {
        let failure = Failure(.data, "is empty").at("a.npy")
        #expect(failure.at("a.npy") == failure)
        #expect(failure.at("frame 1").at("a").at("a").description == "a: frame 1: a.npy: is empty")
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
        #expect(nearest(to: "", among: words) == nil)
    }

    @Test func ofAWordWithAnArgumentTheNameDecides() {
        let words = ["edm", "edm:MIN,MAX", "vp-linear", "polynomial:RHO", "gmm:FILE"]
        #expect(nearest(to: "polynomail:7", among: words) == "polynomial:RHO")
        #expect(nearest(to: "gm:model.safetensors", among: words) == "gmm:FILE")
        #expect(nearest(to: "vp", among: words) == "vp-linear")
        #expect(nearest(to: "/a/long/path:with/colon", among: words) == nil)
    }

    @Test func unknownWordsAreToldInOneWay() {
        #expect(
            Failure(place: "--solver", unknown: "ipmdn", choices: ["euler", "ipndm"]).description
                == "--solver: `ipmdn` is none of euler, ipndm; did you mean ipndm?")
        #expect(Failure(unknown: "x", choices: ["euler", "ipndm"]).description == "`x` is none of euler, ipndm")
    }
}
