import Commands
import Diagnostics
import Options
import Testing

@Suite struct HelpTests {
    private let command = Command(
        name: "ld3-test", purpose: "tests", usage: ["[options]"],
        groups: [
            OptionGroup("things", [.flag("stream", "a stream")]),
            OptionGroup("training of times", topic: "training", [.flag("hard", "no moves")]),
            OptionGroup("training of model times", topic: "training", [.flag("tied", "none")]),
            OptionGroup("GITS", topic: "gits", [.flag("metric", "a metric")]),
        ],
        topicsWithoutOptions: ["dmn"], examples: ["ld3-test"])

    @Test func plainHelpLeavesTopicsOutAndNamesThem() {
        let text = command.helpText
        #expect(text.contains("--stream") && text.contains("--quiet"))
        for option in ["--hard", "--tied", "--metric"] { #expect(!text.contains(option)) }
        #expect(text.contains("  training               training of times; training of model times\n"))
        #expect(text.contains("  gits                   GITS\n"))
    }

    @Test func aTopicShowsItsGroupsOnly() throws {
        let text = try command.helpText(topic: "training")
        #expect(text.contains("--hard") && text.contains("--tied"))
        #expect(!text.contains("--stream") && !text.contains("--metric"))
    }

    @Test func allShowsEveryOption() throws {
        let text = try command.helpText(topic: "all")
        for option in command.options { #expect(text.contains("--\(option.name)")) }
    }

    @Test func aTopicWithoutOptionsSaysSo() throws {
        #expect(try command.helpText(topic: "dmn").contains("no options of its own; ld3-test --help"))
    }

    @Test func anUnknownTopicNamesTheTopics() {
        #expect { try command.helpText(topic: "gist") } throws: {
            ($0 as? Failure)?.description == "--help: `gist` is none of training, gits, all; did you mean gits?"
        }
    }

    @Test(arguments: [
        (["--help"], nil), (["-h"], nil), (["--nonsense", "--help", "-n"], nil), (["--help", "gits"], "gits"),
        (["-h", "all"], "all"), (["--help=training", "--version"], "training"),
    ])
    func helpWinsOverEverythingElse(words: [String], topic: String?) throws {
        let expected = try topic.map { try command.helpText(topic: $0) } ?? command.helpText
        #expect(try command.information(askedForBy: words) == expected)
    }

    @Test func wordsBehindTwoDashesAskForNothing() throws {
        #expect(try command.information(askedForBy: ["--", "--help"]) == nil)
        #expect(try command.information(askedForBy: ["--version", "--help"]) == "ld3-test \(version)\n")
    }
}

@Suite struct CoordinateTests {
    private let full = Command(
        name: "ld3-test", purpose: "", usage: [],
        groups: [OptionGroup("all", [.nfe(default: ""), .schedule(default: ""), .steps, .architecture])], examples: [])
    private let bare = Command(name: "ld3-bare", purpose: "", usage: [], groups: [], examples: [])

    private func spelled(_ failure: Failure) -> String { failure.spellingOptions(of: full).description }

    @Test func coordinatesBecomeOptions() {
        #expect(spelled(Failure(.usage, place: "evaluations", "are too few")) == "--nfe: are too few")
        #expect(spelled(Failure(.noInput, place: "schedule edn", "no such file")) == "--schedule edn: no such file")
        #expect(
            spelled(Failure(.usage, place: "steps", "without <evaluations>", suggestion: "leave <steps> out"))
                == "--steps: without --nfe; leave --steps out")
    }

    /// No message tells a user of an option that the program lacks.
    @Test func otherProgramsOptionsAreNotNamed() {
        let failure = Failure(
            .usage, place: "evaluations", "without <steps>", suggestion: "give it with <architecture> FILE")
        #expect(failure.spellingOptions(of: bare).description == "evaluations: without steps")
        let other = Failure(.data, "is an array", suggestion: "<ld3-noise:noise file> takes it")
        #expect(other.spellingOptions(of: bare).description == "is an array; ld3-noise --from takes it")
    }

    @Test func filesKeepTheirNames() {
        #expect(spelled(Failure(.data, place: "model.pkl", "is cut short")) == "model.pkl: is cut short")
        #expect(spelled(Failure(.usage, place: "scheduled.json", "is wrong")) == "scheduled.json: is wrong")
    }
}
