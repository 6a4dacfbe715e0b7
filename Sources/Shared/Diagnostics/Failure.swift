/// The exit statuses of every program, after sysexits.h as far as it has them. docs/STREAM.md lists them.
package enum ExitStatus: Int32, Sendable {
    case done = 0
    /// Unknown option, bad value, output to a terminal refused.
    case usage = 64
    /// A stream, shape, kind, count, checkpoint or number that is not what it must be.
    case data = 65
    /// An input or model that does not exist or cannot be opened.
    case noInput = 66
    /// A defect of these programs, or a network that returned NaN or infinity.
    case `internal` = 70
    /// An output cannot be created, or a directory is not empty.
    case cannotCreate = 73
    /// Reading or writing failed; a denoiser or sampler in another process died or answered wrongly.
    case inputOutput = 74
    case interrupted = 130
    /// The reader of the output has gone; nothing is printed.
    case readerGone = 141
}

/// The error of all modules: the exit status, the place, the message, and a suggestion for the user.
///
/// It is printed as one line: `ld3-fit: standard input: frame 3 ends after 512 of 3072 bytes; ` and the suggestion.
/// Messages are lower case and have no final period. A library that judges a setting names it in plain words, such as
/// "evaluations", as the place, or as `<evaluations>` within the texts; programs put their options there.
package struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
    package var status: ExitStatus
    /// A file, a stream, a setting, a tensor; nil if the message stands by itself.
    package var place: String?
    package var message: String
    package var suggestion: String?

    package init(_ status: ExitStatus, place: String? = nil, _ message: String, suggestion: String? = nil) {
        self.status = status
        self.place = place
        self.message = message
        self.suggestion = suggestion
    }

    /// Returns this failure with `outer` put before its place, unless the place begins so already.
    package func at(_ outer: String) -> Failure {
        guard place != outer, place?.hasPrefix("\(outer): ") != true else { return self }
        var failure = self
        failure.place = place.map { "\(outer): \($0)" } ?? outer
        return failure
    }

    /// One printable line, whichever names from files and command lines are in it.
    package var description: String {
        ((place.map { "\($0): " } ?? "") + message + (suggestion.map { "; \($0)" } ?? "")).onePrintableLine
    }
}

extension String {
    private static let longestLine = 4000

    /// Returns the text in marks of quotation, cut after `limit` characters of Unicode.
    package func quoted(limit: Int) -> String {
        let scalars = unicodeScalars
        return scalars.count > limit ? "`\(String(scalars.prefix(limit)))...`" : "`\(self)`"
    }

    /// The text with characters that no reader sees escaped as in a Swift literal: controls, line separators, marks of the
    /// direction of writing, marks of the byte order. A very long text is cut.
    package var onePrintableLine: String {
        var line = ""
        for scalar in unicodeScalars.prefix(Self.longestLine) {
            if scalar.isInvisible {
                line += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                line.unicodeScalars.append(scalar)
            }
        }
        return unicodeScalars.count > Self.longestLine ? line + "..." : line
    }
}

extension Unicode.Scalar {
    fileprivate var isInvisible: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: properties.isDefaultIgnorableCodePoint
        }
    }
}

/// Returns the result of `body`. A `Failure` that it throws is thrown on with `place` before its own place.
package func locating<Result>(_ place: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let failure as Failure {
        throw failure.at(place())
    }
}
