// ld3-fuzz: damages small files and feeds them to every reader, a run a number, the same number the same run.
//
// usage: ld3-fuzz FIRST COUNT [STATE]   runs FIRST ..< FIRST+COUNT; the number of the current run is kept in STATE.
// A crash, a run longer than half a minute, or a refusal that does not blame the input ends it with a status above 0.

import Diagnostics
import Glibc
import TestSupport

/// The number of the run at hand, where it outlives a crash: the first eight bytes of a mapped file.
struct RunRecord {
    private let place: UnsafeMutablePointer<UInt64>?

    init(path: String?) {
        place = path.flatMap { path in
            let descriptor = open(path, O_RDWR | O_CREAT, 0o644)
            guard descriptor >= 0, ftruncate(descriptor, 8) == 0 else { return nil }
            defer { close(descriptor) }
            let memory = mmap(nil, 8, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
            return memory == MAP_FAILED ? nil : memory?.assumingMemoryBound(to: UInt64.self)
        }
    }

    func write(_ run: Int) { place?.pointee = UInt64(run) }
}

/// The targets, each as often as its weight says; one run in 2000 takes a whole checkpoint.
struct Lottery {
    let targets: [Target]
    private let tickets: [Int]
    private let rare: [Int]

    init(_ targets: [Target]) {
        self.targets = targets
        tickets = targets.indices.flatMap { Array(repeating: $0, count: targets[$0].weight) }
        rare = targets.indices.filter { targets[$0].weight == 0 }
    }

    func draw(_ generator: inout Generator) -> Int {
        if generator.below(2000) == 0, !rare.isEmpty { return rare[generator.below(rare.count)] }
        return tickets[generator.below(tickets.count)]
    }
}

func fuzz(first: Int, count: Int, record: RunRecord) throws {
    let files = try FileTargets.all() + StatisticsTargets.all() + [ArchitectureTarget.make()]
    let lottery = Lottery(files + (try ListTargets.all()) + (try StreamTargets().all()) + GrammarTargets.all)
    var accepted = [Int](repeating: 0, count: lottery.targets.count)
    var refused = accepted
    for run in first..<first + count {
        record.write(run)
        alarm(30)
        var generator = Generator(seed: UInt64(run))
        let index = lottery.draw(&generator)
        let target = lottery.targets[index]
        let input = target.corpus[generator.below(target.corpus.count)]
        let other = target.corpus[generator.below(target.corpus.count)]
        var mutator = Mutator(generator, words: target.words)
        do {
            if try target.run(mutator.mutate(input, with: other)) { accepted[index] += 1 } else { refused[index] += 1 }
        } catch {
            throw Mishap(text: "run \(run): \(error)")
        }
    }
    for (index, target) in lottery.targets.enumerated() {
        print("\(target.name): \(accepted[index] + refused[index]) runs, \(refused[index]) refused")
    }
}

let words = CommandLine.arguments
guard words.count >= 3, let first = Int(words[1]), let count = Int(words[2]), first >= 0, count >= 0 else {
    Reporter(program: "usage").note("ld3-fuzz FIRST COUNT [STATE]")
    exit(ExitStatus.usage.rawValue)
}
do {
    try fuzz(first: first, count: count, record: RunRecord(path: words.dropFirst(3).first))
} catch {
    Reporter(program: "ld3-fuzz").note("\(error)")
    exit(ExitStatus.internal.rawValue)
}
