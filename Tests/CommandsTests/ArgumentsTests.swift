import Commands
import Diagnostics
import Options
import Solvers
import Testing

private let command = Command(
    name: "ld3-test", purpose: "tests", usage: ["[options]"], positional: "FILE",
    groups: [
        OptionGroup(
            "things",
            [
                .integer("nfe", short: "n", in: 1...9, default: "5", "evaluations"),
                .value("loss", "NAME", "a loss"), .choice("norm", among: ["l2", "l1", "lpips"], "a norm"),
                .number("share", in: 0...1, "a share"), .seeds, .shard, .shape, .model, .process,
                .integer("count", in: 0...99, "count"), .solver(default: "ipndm"),
                .flag("stream", short: "s", "a stream"), .flag("force", short: "f", "force"),
                Option.value("plot", "FILE", "a plot").withoutEffectOnNumbers(),
                Option.value("with", "X", "several").repeatable(),
            ])
    ],
    examples: ["ld3-test"])

private func parse(_ words: String...) throws -> Arguments { try Arguments(parsing: words, for: command) }

private func message(_ words: String..., body: (Arguments) throws -> Void = { _ in }) -> String? {
    do {
        try body(try Arguments(parsing: words, for: command))
        return nil
    } catch let failure as Failure {
        return failure.status == .usage ? failure.description : nil
    } catch {
        return nil
    }
}

@Suite struct ArgumentsTests {
    @Test func everySpellingIsRead() throws {
        for words in [["--nfe=7"], ["--nfe", "7"], ["-n", "7"], ["-n7"], ["-sn7"], ["a", "--nfe=7", "b"]] {
            #expect(try Arguments(parsing: words, for: command).integer("nfe") == 7)
        }
        #expect(try parse("-sf").flag("force"))
        #expect(try parse("--loss=a=b").string("loss") == "a=b")
        #expect(try parse("--loss=").string("loss") == "")
        #expect(try parse("--loss", "-").string("loss") == "-")
        #expect(try parse("a", "-", "--", "--nfe", "-s").positionals == ["a", "-", "--nfe", "-s"])
        #expect(try parse("--with", "1", "--with=2").strings("with") == ["1", "2"])
    }

    @Test func defaultsStand() throws {
        #expect(try parse().integer("nfe") == 5)
        #expect(try parse().stringIfGiven("loss") == nil)
        #expect(try !parse().flag("stream"))
    }

    @Test func mistakesAreNamed() {
        #expect(message("--nfr=3") == "--nfr: unknown option; did you mean --nfe?")
        #expect(message("--frobnicate") == "--frobnicate: unknown option; see ld3-test --help")
        #expect(message("-x") == "-x: unknown option; see ld3-test --help")
        #expect(message("--stream=1") == "--stream: takes no value")
        #expect(message("--nfe") == "--nfe: needs a value: N")
        #expect(message("--loss", "--stream") == "--loss: needs a value: NAME")
        #expect(message("--nfe=1", "-n", "2") == "--nfe: is given twice")
        #expect(message() { _ = try $0.string("loss") } == "--loss: is required")
        #expect(message() { _ = try $0.double("share") } == "--share: is required")
    }

    /// Every value is judged while the line is parsed, before any accessor.
    @Test(arguments: [
        ("--nfe=x", "--nfe: `x` is not a whole number, 1 to 9"), ("-n10", "--nfe: `10` is not a whole number, 1 to 9"),
        ("--share=nan", "--share: `nan` is not a number, 0 to 1"),
        ("--norm=lpisp", "--norm: `lpisp` is none of l2, l1, lpips; did you mean lpips?"),
        ("--seeds=0-3,2", "--seeds: seed 2 is repeated"),
        ("--shard=2/2", "--shard: `2/2` is not i/n with i from 0 to n-1"),
        ("--model=gmm:", "--model gmm:: needs a file after the colon"),
        ("--process=edm:3,1", "--process: `edm:3,1` needs two noise levels, 0 < MIN < MAX; for example edm:0.002,80"),
        (
            "--solver=heun3",
            "--solver: `heun3` is none of \(Solver.spellings.joined(separator: ", ")); did you mean heun?"
        ),
        ("--shape=3,,2", "--shape: `3,,2` is not a shape such as 3,32,32 of at most 268435456 elements"),
    ])
    func wrongValues(word: String, expected: String) { #expect(message(word) == expected) }

    @Test func valuesHaveTheirTypes() throws {
        let arguments = try parse("--share=0.25", "--shape=3x4", "--nfe=7")
        #expect(arguments.doubleIfGiven("share") == 0.25)
        #expect(try arguments.shapeIfGiven() == [3, 4])
        #expect(arguments.integerIfGiven("nfe") == 7 && arguments.integerIfGiven("count") == nil)
    }

    @Test func provenanceLeavesOutWhatChangesNoNumber() throws {
        let arguments = try parse(
            "-n", "7", "--batch=3", "--threads", "2", "--quiet", "--plot=p.png", "--progress", "-s", "file")
        #expect(arguments.provenance.arguments == ["--nfe=7", "--stream", "file"])
        #expect(arguments.provenance.program == "ld3-test")
    }

    @Test func helpIsNarrow() {
        let lines = command.helpText.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.allSatisfy { $0.count <= 80 })
        for option in command.options { #expect(command.helpText.contains("--\(option.name)")) }
    }
}
