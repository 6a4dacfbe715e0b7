import Synchronization

/// Writes everything that a program says on standard error: errors, warnings, notes and progress, a line each.
package final class Reporter: Sendable {
    package let program: String
    package let isQuiet: Bool
    package let showsProgress: Bool
    /// Whether standard error is a terminal, on which a progress line can be rewritten.
    private let isTerminal: Bool
    private let line = Mutex<Bool>(false)

    /// Makes a reporter that shows progress on a terminal, or if `progress` asks for it; `quiet` silences all but errors.
    package init(program: String, quiet: Bool = false, progress: Bool = false) {
        self.program = program
        isTerminal = Descriptor.isTerminal(Descriptor.standardError)
        isQuiet = quiet
        showsProgress = !quiet && (progress || isTerminal)
    }

    /// Tells that something is left out or looks wrong; the work goes on.
    package func warn(_ message: String) {
        if !isQuiet { print("\(program): warning: \(message)") }
    }

    /// Tells something that the user may want to know.
    package func note(_ message: String) {
        if !isQuiet { print("\(program): \(message)") }
    }

    package func error(_ text: String) { print("\(program): \(text)") }

    /// Shows `text` as the state of the work: in place on a terminal, else as a line of its own.
    func showProgress(_ text: String) {
        line.withLock { isOpen in
            let text = "\(program): \(text)".onePrintableLine
            Self.emit(isTerminal ? "\r\u{1B}[K\(text)" : text + "\n")
            isOpen = isTerminal
        }
    }

    /// Takes the progress line off a terminal.
    func clearProgress() {
        line.withLock { isOpen in
            if isOpen { Self.emit("\r\u{1B}[K") }
            isOpen = false
        }
    }

    private func print(_ text: String) {
        line.withLock { isOpen in
            Self.emit((isOpen ? "\r\u{1B}[K" : "") + text.onePrintableLine + "\n")
            isOpen = false
        }
    }

    /// Writes to standard error. A text that cannot be written is lost: there is no other place for it.
    private static func emit(_ text: String) { try? Descriptor.write(Descriptor.standardError, text) }
}
