import Commands
import Diagnostics
import Options
import Testing

private let command = Command(
    name: "ld3-test", purpose: "tests", usage: ["[options]"], groups: [OptionGroup("s", [.seeds, .count, .shard])],
    examples: [])

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
        func parse(_ words: String...) throws -> Arguments { try Arguments(parsing: words, for: command) }
        #expect(try parse("--count=3").seeds().all.seeds == [0, 1, 2])
        #expect(try parse("--seeds=4-9", "--shard=1/3").seeds().places == 2..<4)
        for (words, message) in [
            (["--count=3", "--seeds=1"], "--count: cannot be given together with --seeds"),
            ([], "--seeds: is required"),
        ] {
            #expect { try Arguments(parsing: words, for: command).seeds() } throws: {
                ($0 as? Failure)?.description == message
            }
        }
    }
}
