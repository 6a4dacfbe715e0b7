import Synchronization
import Tensors

/// The work done by a network, in evaluations of one sample.
package struct EvaluationCount: Sendable, Equatable {
    package var forwards = 0
    package var pullbacks = 0

    package init(forwards: Int = 0, pullbacks: Int = 0) {
        self.forwards = forwards
        self.pullbacks = pullbacks
    }

    package static func + (left: EvaluationCount, right: EvaluationCount) -> EvaluationCount {
        EvaluationCount(forwards: left.forwards + right.forwards, pullbacks: left.pullbacks + right.pullbacks)
    }

    package static func - (left: EvaluationCount, right: EvaluationCount) -> EvaluationCount {
        EvaluationCount(forwards: left.forwards - right.forwards, pullbacks: left.pullbacks - right.pullbacks)
    }
}

/// Counts evaluations from several threads.
package final class EvaluationCounter: Sendable {
    private let total = Mutex(EvaluationCount())

    package init() {}

    package var count: EvaluationCount { total.withLock { $0 } }

    package func add(forwards: Int = 0, pullbacks: Int = 0) {
        total.withLock {
            $0.forwards += forwards
            $0.pullbacks += pullbacks
        }
    }
}

/// A denoiser that counts what it is asked for.
package struct CountingDenoiser<Element: TensorElement>: Denoiser {
    package let model: any Denoiser<Element>
    package let counter: EvaluationCounter

    package init(_ model: some Denoiser<Element>, counter: EvaluationCounter) {
        self.model = model
        self.counter = counter
    }

    package var sampleShape: [Int] { model.sampleShape }
    package var hasPullback: Bool { model.hasPullback }
    package var labelCount: Int { model.labelCount }

    package func denoise(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Tensor<Element>
    {
        counter.add(forwards: x.batch)
        return try model.denoise(x, at: times, given: condition)
    }

    package func linearize(
        _ x: Tensor<Element>, at times: [Double], given condition: Condition
    ) throws -> Linearization<Element> {
        counter.add(forwards: x.batch)
        let linearization = try model.linearize(x, at: times, given: condition)
        return Linearization(value: linearization.value) { cotangent in
            counter.add(pullbacks: cotangent.batch)
            return try linearization.pullback(cotangent)
        }
    }
}
