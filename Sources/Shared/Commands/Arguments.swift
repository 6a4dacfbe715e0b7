import Diagnostics
import Formats
import TensorStream

/// A parsed command line. The accessors throw `.usage` failures that name the option.
package struct Arguments: Sendable {
    package let command: Command
    /// The options as given, in order, under their long names; a flag has no value.
    let given: [(option: Option, value: String?)]
    package let positionals: [String]
    package let reporter: Reporter

    package func isGiven(_ name: String) -> Bool { given.contains { $0.option.name == name } }

    /// Whether the flag `name` was given.
    package func flag(_ name: String) -> Bool {
        _ = declaration(name)
        return isGiven(name)
    }

    /// Every value of a repeatable option, in order.
    package func strings(_ name: String) -> [String] {
        _ = declaration(name)
        return given.filter { $0.option.name == name }.compactMap(\.value)
    }

    /// The value given, else the default, else nil.
    package func stringIfGiven(_ name: String) -> String? {
        strings(name).last ?? declaration(name).defaultValue
    }

    package func string(_ name: String) throws -> String {
        guard let text = stringIfGiven(name) else { throw Failure(.usage, place: "--\(name)", "is required") }
        return text
    }

    package func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int {
        try parseInteger(name, string(name), in: range)
    }

    package func integerIfGiven(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        try stringIfGiven(name).map { try parseInteger(name, $0, in: range) }
    }

    package func double(_ name: String, in range: ClosedRange<Double>) throws -> Double {
        try parseDouble(name, string(name), in: range)
    }

    package func doubleIfGiven(_ name: String, in range: ClosedRange<Double>) throws -> Double? {
        try stringIfGiven(name).map { try parseDouble(name, $0, in: range) }
    }

    /// One of `choices`; the nearest is suggested where it is none of them.
    package func choice(_ name: String, among choices: [String]) throws -> String {
        let text = try string(name)
        guard choices.contains(text) else { throw Failure(place: "--\(name)", unknown: text, choices: choices) }
        return text
    }

    /// One of the cases of `Choice`, by its raw value.
    package func choice<Choice>(_ name: String, _ type: Choice.Type = Choice.self) throws -> Choice
    where Choice: CaseIterable & RawRepresentable, Choice.RawValue == String {
        let text = try choice(name, among: Choice.allCases.map(\.rawValue))
        guard let value = Choice(rawValue: text) else { throw Failure(.usage, place: "--\(name)", "`\(text)`?") }
        return value
    }

    /// A shape as `3,32,32` or `3x32x32`, without the batch.
    package func shapeIfGiven(_ name: String) throws -> [Int]? {
        try stringIfGiven(name).map { text in
            let parts = text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "," || $0 == "x" })
                .map { Int($0) }
            let shape = parts.compactMap { $0 }
            guard shape.count == parts.count, isSampleShape(shape) else {
                throw Failure(
                    .usage, place: "--\(name)",
                    "`\(text)` is not a shape such as 3,32,32 of at most \(sampleElementLimit) elements")
            }
            return shape
        }
    }

    /// The seeds of --seeds or --count, else `fallback`; and the places among them that --shard leaves to this run.
    package func seeds(else fallback: SeedList? = nil) throws -> (all: SeedList, places: Range<Int>) {
        let all: SeedList
        if let count = try integerIfGiven("count", in: 0...1 << 48) {
            guard !isGiven("seeds") else {
                throw Failure(.usage, place: "--count", "cannot be given together with --seeds")
            }
            all = SeedList(count: count)
        } else if let fallback, !isGiven("seeds") {
            all = fallback
        } else {
            let text = try string("seeds")
            all = try locating("--seeds") { try SeedList(parsing: text) }
        }
        let shard = try locating("--shard") { try stringIfGiven("shard").map { try Shard(parsing: $0) } }
        return (all, shard?.places(of: all.count) ?? 0..<all.count)
    }

    /// --threads, else one a core.
    package func threads() throws -> Int {
        try integerIfGiven("threads", in: 1...1024) ?? coreCount()
    }

    /// --batch, where it was given.
    package func batch() throws -> Int? { try integerIfGiven("batch", in: 1...1 << 20) }

    /// What this run adds to ld3.history.
    package var provenance: Provenance.Entry {
        let told = given.filter(\.option.changesNumbers).map {
            "--\($0.option.name)" + ($0.value.map { "=\($0)" } ?? "")
        }
        return Provenance.Entry(program: command.name, version: version, arguments: told + positionals)
    }

    private func declaration(_ name: String) -> Option {
        guard let option = command.options.first(where: { $0.name == name }) else {
            preconditionFailure("\(command.name) declares no option --\(name)")
        }
        return option
    }

    private func parseInteger(_ name: String, _ text: String, in range: ClosedRange<Int>) throws -> Int {
        guard let value = Int(text), range.contains(value) else {
            let bounds =
                range.upperBound == .max ? "from \(range.lowerBound) on" : "\(range.lowerBound) to \(range.upperBound)"
            throw Failure(.usage, place: "--\(name)", "`\(text)` is not a whole number, \(bounds)")
        }
        return value
    }

    private func parseDouble(_ name: String, _ text: String, in range: ClosedRange<Double>) throws -> Double {
        guard let value = Double(text), value.isFinite, range.contains(value) else {
            throw Failure(
                .usage, place: "--\(name)", "`\(text)` is not a number, \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }
}
