import Diagnostics
import Diffusion
import Synchronization
import TensorStream
import Tensors

/// A denoiser in another process, to which we speak in frames over its standard input and output (docs/STREAM.md, "Foreign
/// denoisers"). One request is in flight at a time. A pullback asks again, with the cotangent.
package final class ForeignDenoiser: Denoiser {
    /// The frame in which the process introduced itself.
    package let model: ModelFrame
    private let conversation: Mutex<Conversation>

    package var sampleShape: [Int] { model.sampleShape }
    package var labelCount: Int { model.labelCount }
    package var hasPullback: Bool { model.hasPullback }

    /// Starts `command` under /bin/sh and waits at most `seconds` for its model frame. Throws `inputOutput`, naming the
    /// command, if it does not come or is wrong.
    package init(command: String, introducesItselfWithin seconds: Int) throws {
        let conversation = try Conversation(command: command)
        model = try conversation.introduction(within: seconds)
        self.conversation = Mutex(conversation)
    }

    package func denoise(_ x: Tensor<Float>, at times: [Double], given condition: Condition) throws -> Tensor<Float> {
        guard x.batch > 0 else { return x }
        return try ask(DenoiseRequest(x: x, times: times, condition: condition)).denoised
    }

    package func linearize(_ x: Tensor<Float>, at times: [Double], given condition: Condition) throws -> Linearization<
        Float
    > {
        let value = try denoise(x, at: times, given: condition)
        return Linearization(value: value) { [self] cotangent in
            guard x.batch > 0 else { return Cotangents(x: x, times: []) }
            let request = DenoiseRequest(x: x, times: times, condition: condition, cotangent: cotangent)
            return try ask(request).cotangents ?? Cotangents(x: x, times: times)
        }
    }

    private func ask(_ request: DenoiseRequest) throws -> DenoiseAnswer {
        try conversation.withLock { try $0.ask(request) }
    }
}

/// The pipes to the child, which one caller at a time uses.
private struct Conversation {
    private let place: String
    private let child: ChildProcess
    private let reader: FrameReader

    init(command: String) throws {
        place = "exec:\(command)"
        child = try locating("exec:\(command)") { try ChildProcess(command: command) }
        reader = FrameReader(descriptor: child.output, place: "its output")
    }

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
                "the denoiser has not introduced itself within \(seconds) s\(child.lastWords())",
                suggestion: "<introduction time> allows more")
        }
    }

    func ask(_ request: DenoiseRequest) throws -> DenoiseAnswer {
        do {
            try request.frame.write(to: child.input, place: place)
        } catch is Failure {
            throw death(awaiting: "a request")
        }
        let frame = try nextFrame(awaiting: "its answer")
        if let message = frame.metadata["ld3.error"] {
            let line = message.split(whereSeparator: \.isNewline).joined(separator: " | ")
            throw Failure(.inputOutput, place: place, "the denoiser says \"\(line)\"\(child.lastWords())")
        }
        return try checking { try DenoiseAnswer(frame, to: request) }
    }

    private func nextFrame(awaiting what: String) throws -> Frame {
        guard let frame = try checking({ try reader.next() }) else { throw death(awaiting: what) }
        return frame
    }

    /// Returns the failure that tells how the child ended, with its last words.
    private func death(awaiting what: String) -> Failure {
        Failure(.inputOutput, place: place, "the denoiser ended before \(what): it \(child.account())")
    }

    /// Runs `body`; if an answer is wrong, the failure tells the child's last words too.
    private func checking<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let failure as Failure {
            throw Failure(
                .inputOutput, place: place, "the denoiser answered wrongly: \(failure.description)\(child.lastWords())")
        }
    }
}
