import Diagnostics
import Formats

/// The value of ld3.history: which programs made a stream, one entry for each run.
package struct Provenance: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package var program: String
        package var version: String
        /// The arguments without the options that cannot change numbers.
        package var arguments: [String]

        package init(program: String, version: String, arguments: [String]) {
            self.program = program
            self.version = version
            self.arguments = arguments
        }
    }

    package var entries: [Entry]

    package init(entries: [Entry] = []) { self.entries = entries }

    /// Parses the value of ld3.history.
    package init(parsing text: String) throws {
        entries = try locating(Key.history) {
            try (JSONValue(parsing: text).elements ?? [.null]).map { value in
                guard let program = value["program"]?.string, let version = value["version"]?.string,
                    let words = value["arguments"]?.elements, let arguments = words.map(\.string) as? [String]
                else { throw Failure(.data, "is not a list of entries with program, version and arguments") }
                return Entry(program: program, version: version, arguments: arguments)
            }
        }
    }

    /// The value of ld3.history.
    package var text: String {
        JSONValue.array(
            entries.map { entry in
                [
                    "program": .string(entry.program), "version": .string(entry.version),
                    "arguments": .array(entry.arguments.map { .string($0) }),
                ]
            }
        ).text
    }

    /// The programs with their arguments, as a pipeline; nil if none are told.
    package var pipeline: String? {
        guard !entries.isEmpty else { return nil }
        return entries.map { ([$0.program] + $0.arguments).joined(separator: " ") }.joined(separator: " | ")
    }

    package func appending(_ entry: Entry) -> Provenance { Provenance(entries: entries + [entry]) }
}
