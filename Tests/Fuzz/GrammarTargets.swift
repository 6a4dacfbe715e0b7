import Commands
import Diagnostics
import Diffusion
import Models
import Options
import Schedules
import Solvers

/// Damages what users type: option words and the little grammars of their values.
enum GrammarTargets {
    static var all: [Target] {
        [
            Target(name: "options", weight: 10, corpus: lines.map(\.bytes), words: words.map(\.bytes)) { bytes in
                let line = String(decoding: bytes, as: UTF8.self)
                let arguments = try Arguments(
                    parsing: line.split(separator: " ", omittingEmptySubsequences: false).map(String.init),
                    for: command,
                    reporter: Reporter(program: "ld3-fuzz", quiet: true))
                _ = try arguments.seeds(else: SeedList(count: 3))
                _ = try arguments.integer("nfe")
                _ = arguments.doubleIfGiven("guidance")
                _ = try arguments.shapeIfGiven()
                _ = arguments.batch()
                _ = arguments.provenance
            },
            Target(name: "values", weight: 10, corpus: values.map(\.bytes), words: words.map(\.bytes), read: readValue),
            Target(name: "models", weight: 5, corpus: models.map(\.bytes), words: words.map(\.bytes)) {
                _ = try ModelSpecification(String(decoding: $0, as: UTF8.self))
            },
            Target(name: "number lists", weight: 5, corpus: lists.map(\.bytes), words: words.map(\.bytes)) {
                _ = try NumberList(parsing: $0, names: ["t", "alphas_cumprod"])
            },
        ]
    }

    /// Every grammar of a value, asked in turn; refused is what all refuse.
    private static func readValue(_ bytes: [UInt8]) throws {
        let text = String(decoding: bytes, as: UTF8.self)
        var refusals: [Failure] = []
        let readers: [() throws -> Void] = [
            { _ = try SeedList(parsing: text).slice(0..<0) },
            { _ = try Shard(parsing: text).places(of: 7) },
            { _ = try NoiseProcess(spelling: text, readTable: { _ in [0.9, 0.5, 0.1] }) },
            { _ = try Discretization(spelling: text)?.times(steps: 5, process: .edm) },
            { _ = try Solver(name: text, order: 3) },
            { _ = try Solver(name: "unipc", variant: text) },
        ]
        for reader in readers {
            do { try reader() } catch let failure as Failure { refusals.append(failure) }
        }
        if refusals.count == readers.count, let refusal = refusals.last { throw refusal }
    }

    private static let command = Command(
        name: "ld3-fuzz", purpose: "reads", usage: ["[options]"], positional: "FILE",
        groups: [
            .modelGroup, .modelDetails,
            OptionGroup(
                "values",
                [
                    .seeds, .count, .shard, .shape, .solver(default: "none"), .nfe(default: "none"),
                    .flag("force", short: "f", "overwrite"),
                ]),
        ],
        examples: [])

    private static let lines = [
        "--seeds 0-9,20 --shard 1/4 --nfe 5 --shape 3,32,32", "-n 12 -f -- file --seeds",
        "--model=gmm:x --guidance 1.5",
        "-fn7 --batch 8 --process edm:0.01,50 -q", "--seeds=5 --seeds=6",
    ]

    private static let values = [
        "0-9,20,30-31", "0-9223372036854775807", "3/16", "edm:0.002,80", "vp-discrete:sd", "vp-linear",
        "bh2,no-corrector", "polynomial:7", "ays:sd15", "dmn:edm", "arctan:1.5", "logsnr", "edm", "dpm_solver++3",
        "uni_pc_bh1_2", "ipndm4", "deis-tab",
    ]

    private static let models = [
        "gaussian:shape=3,32,32,mean=0,std=0.5", "gaussian:shape=8", "gmm:file", "exec:python3 x.py", "random:ddpmpp",
    ]

    private static let lists = [
        "[1, 0.5, 1e-3]", "1;2 3\n4", "{\"t\": [1, 2.5]}", "inf, 3", "{\"alphas_cumprod\": [0.9]}",
    ]

    private static let words = [
        "-", "--", "=", ",", "/", ":", "0", "-1", "9223372036854775807", "9223372036854775808", "1e308", "nan", "inf",
        "\u{1b}[2J", "\n", "\u{0}", "é", "--seeds", "x", "]", "[[",
    ]
}
