import Commands
import Diagnostics
import Testing

private let command = Command(
    name: "ld3-test", purpose: "tests", usage: ["[options]"], positional: "FILE",
    groups: [
        OptionGroup(
            "things",
            [
                .value("nfe", short: "n", "N", default: "5", "evaluations"), .value("loss", "NAME", "a loss"),
                .value("seeds", "LIST", "seeds"), .value("count", "N", "count"), .value("shard", "I/N", "shard"),
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
            #expect(try Arguments(parsing: words, for: command).integer("nfe", in: 1...9) == 7)
        }
        #expect(try parse("-sf").flag("force"))
        #expect(try parse("--loss=a=b").string("loss") == "a=b")
        #expect(try parse("--loss=").string("loss") == "")
        #expect(try parse("--loss", "-").string("loss") == "-")
        #expect(try parse("a", "-", "--", "--nfe", "-s").positionals == ["a", "-", "--nfe", "-s"])
        #expect(try parse("--with", "1", "--with=2").strings("with") == ["1", "2"])
    }

    @Test func defaultsStand() throws {
        #expect(try parse().integer("nfe", in: 1...9) == 5)
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
        #expect(
            message("--nfe=x") { _ = try $0.integer("nfe", in: 1...9) } == "--nfe: `x` is not a whole number, 1 to 9")
        #expect(
            message("--nfe=10") { _ = try $0.integer("nfe", in: 1...9) } == "--nfe: `10` is not a whole number, 1 to 9")
        #expect(message() { _ = try $0.string("loss") } == "--loss: is required")
        #expect(
            message("--loss=nan") { _ = try $0.double("loss", in: 0...1) }
                == "--loss: `nan` is not a number, 0.0 to 1.0")
        #expect(
            message("--loss=lpisp") { _ = try $0.choice("loss", among: ["l2", "l1", "lpips"]) }
                == "--loss: `lpisp` is none of l2, l1, lpips; did you mean lpips?")
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

@Suite struct SeedTests {
    private func seeds(_ text: String) throws -> [Int64] { try SeedList(parsing: text).seeds }

    @Test func grammar() throws {
        #expect(try seeds("0-3,7,5-6") == [0, 1, 2, 3, 7, 5, 6])
        #expect(try seeds("9223372036854775807") == [.max])
        #expect(try SeedList(parsing: "0-9223372036854775806").count == .max)
        #expect(try SeedList(parsing: "0-49999,60000").count == 50001)
    }

    @Test(arguments: [
        "", ",", "1,", "a", "-1", "1-", "3-2", "1-2-3", "1..2", " 1", "+1", "1.0", "0-3,2", "5,5",
        "0-9223372036854775807",
        "9223372036854775808", "٣",
    ])
    func refuses(_ text: String) {
        #expect { try SeedList(parsing: text) } throws: { ($0 as? Failure)?.status == .usage }
    }

    @Test func shardsPartitionTheSeeds() throws {
        let all = try SeedList(parsing: "0-9,20-29,100")
        for count in [1, 2, 3, 7, 21, 30] {
            let parts = try (0..<count).map { try Shard(parsing: "\($0)/\(count)").places(of: all.count) }
            #expect(parts.flatMap { all.slice($0).seeds } == all.seeds)
            for (index, part) in parts.enumerated() {
                #expect(part == index * 21 / count..<(index + 1) * 21 / count)
            }
        }
        #expect(try Shard(parsing: "2/3").places(of: .max).upperBound == .max)
    }

    @Test(arguments: ["", "/", "1", "1/", "/2", "2/2", "3/2", "-1/2", "0/0", "a/b", "1/2/3", "0x1/2"])
    func refusesShard(_ text: String) { #expect(throws: Failure.self) { try Shard(parsing: text) } }

    @Test func countAndSeedsExclude() throws {
        #expect(try parse("--count=3").seeds().all.seeds == [0, 1, 2])
        #expect(try parse("--seeds=4-9", "--shard=1/3").seeds().places == 2..<4)
        #expect(message("--count=3", "--seeds=1") { _ = try $0.seeds() } != nil)
        #expect(message() { _ = try $0.seeds() } == "--seeds: is required")
        #expect(message("--seeds=0-3,2") { _ = try $0.seeds() } == "--seeds: seed 2 is repeated")
    }
}
