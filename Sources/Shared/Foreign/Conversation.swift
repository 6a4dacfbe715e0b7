import Diagnostics
import Synchronization
import TensorStream

/// A conversation that several threads may share: one request is in flight at a time.
final class SharedConversation: Sendable {
    private let conversation: Mutex<Conversation>

    init(_ conversation: sending Conversation) { self.conversation = Mutex(conversation) }

    /// Writes a request and returns what `read` makes of the answer. Throws `inputOutput`, with the child's last words, if the
    /// child is gone, says `ld3.error` or answers what `read` refuses.
    func ask<Answer>(_ request: Frame, read: (Frame) throws -> Answer) throws -> Answer {
        let answer = try conversation.withLock { try $0.ask(request) }
        do {
            return try read(answer)
        } catch let failure as Failure {
            throw conversation.withLock { $0.wrong(failure) }
        }
    }
}

/// The pipes to a child.
struct Conversation {
    private let place: String
    /// The name of the child in messages, as long as its model frame has not told what it is.
    var name = "the model"
    private let child: ChildProcess
    private let reader: FrameReader

    /// Starts `command` under /bin/sh. Throws `inputOutput` if that is not possible.
    init(command: String) throws {
        place = "exec:\(command)"
        child = try locating("exec:\(command)") { try ChildProcess(command: command) }
        reader = FrameReader(descriptor: child.output, place: "its output")
    }

    /// Waits at most `seconds` for the model frame. Throws `inputOutput`, naming the command, if it does not come or is wrong.
    func introduction(within seconds: Int) throws -> ModelFrame {
        let deadline = ContinuousClock.now + .seconds(seconds)
        reader.deadline = deadline
        defer { reader.deadline = nil }
        do {
            let frame = try nextFrame(awaiting: "its model frame")
            return try checking { try ModelFrame(frame) }
        } catch  where deadline <= .now {
            throw Failure(
                .inputOutput, place: place,
                "\(name) has not introduced itself within \(seconds) s\(child.lastWords())",
                suggestion: "<introduction time> allows more")
        }
    }

    /// Writes a request and returns the answer. Throws `inputOutput`, with the child's last words, if the child is gone or says
    /// `ld3.error`.
    func ask(_ request: Frame) throws -> Frame {
        do {
            try request.write(to: child.input, place: place)
        } catch is Failure {
            throw death(awaiting: "a request")
        }
        let frame = try nextFrame(awaiting: "its answer")
        if let message = frame.metadata["ld3.error"] {
            let line = message.split(whereSeparator: \.isNewline).joined(separator: " | ")
            throw Failure(.inputOutput, place: place, "\(name) says \"\(line)\"\(child.lastWords())")
        }
        return frame
    }

    private func nextFrame(awaiting what: String) throws -> Frame {
        guard let frame = try checking({ try reader.next() }) else { throw death(awaiting: what) }
        return frame
    }

    /// Returns the failure that tells how the child ended, with its last words.
    private func death(awaiting what: String) -> Failure {
        Failure(.inputOutput, place: place, "\(name) ended before \(what): it \(child.account())")
    }

    /// Runs `body`; if an answer is wrong, the failure tells the child's last words too.
    private func checking<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let failure as Failure {
            throw wrong(failure)
        }
    }

    /// Returns the failure of an answer that is not what it must be.
    func wrong(_ failure: Failure) -> Failure {
        Failure(.inputOutput, place: place, "\(name) answered wrongly: \(failure.description)\(child.lastWords())")
    }
}
