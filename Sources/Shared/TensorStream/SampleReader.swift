import Diagnostics
import Formats

/// Reads a stream of samples in batches of the reader's own size, whatever the frames were. A batch never reaches
/// over the border of a part, so that each part keeps its own metadata and count.
package final class SampleReader {
    /// What becomes of tensors that a stage does not know.
    package enum Foreign: Sendable {
        /// They pass where they have one row a sample.
        case pass
        case drop
    }

    package let stream: StreamReader
    /// Samples of a batch; nil for the frames' own size. May be chosen late, when the model is known.
    package var batch: Int?
    private let known: Set<String>
    private let foreign: Foreign
    private let reporter: Reporter?
    /// Samples read and not yet handed out: those of `pending` from `taken` on, then those of the next part.
    private var pending: SampleBatch?
    private var taken = 0
    private var following: SampleBatch?
    private var warned: Set<String> = []

    /// Batches of `batch` samples, of the frames' own size where it is nil. `known` are the stage's tensors besides
    /// `seed` and `label`; the others are dealt with as `foreign` says, a warning goes to `reporter`.
    package init(
        _ stream: StreamReader, batch: Int? = nil, known: [String], foreign: Foreign = .pass, reporter: Reporter? = nil
    ) {
        (self.stream, self.batch, self.known, self.foreign) = (stream, batch, Set(known), foreign)
        self.reporter = reporter
    }

    /// What the stream says before its first sample is asked for: the model, the process, the count.
    package func firstPart() throws -> StreamPart {
        if pending == nil { pending = try nextFrame() }
        return pending?.part ?? stream.part
    }

    /// The next samples; an empty part is one empty batch. nil at the end. Throws as `StreamReader.next` does, and
    /// `.data` where a tensor is missing or has another number of rows.
    package func next() throws -> SampleBatch? {
        guard var current = try pending ?? nextFrame() else { return nil }
        pending = nil
        guard let batch else { return current }
        precondition(batch > 0)
        if current.count - taken < batch {
            current = current.samples(taken..<current.count)
            taken = 0
            while current.count < batch, following == nil, let more = try nextFrame() {
                if more.startsPart {
                    following = more
                } else {
                    try stream.frames.inFrame { try current.append(more) }
                }
            }
        }
        let end = min(taken + batch, current.count)
        let result = current.samples(taken..<end)
        if end < current.count {
            (pending, taken) = (current, end)
        } else {
            (pending, taken, following) = (following, 0, nil)
        }
        return result
    }

    /// Every sample of the stream, one batch a part.
    package func all() throws -> [SampleBatch] {
        var parts: [SampleBatch] = []
        while let batch = try next() {
            if batch.startsPart || parts.isEmpty {
                parts.append(batch)
            } else {
                try stream.frames.inFrame { try parts[parts.count - 1].append(batch) }
            }
        }
        return parts
    }

    /// The next frame that holds samples, or that begins a part.
    private func nextFrame() throws -> SampleBatch? {
        while let (frame, startsPart) = try stream.next() {
            let samples = try stream.frames.inFrame { try self.samples(of: frame, startsPart) }
            if samples.count > 0 || startsPart { return samples }
        }
        return nil
    }

    private func samples(of frame: Frame, _ startsPart: Bool) throws -> SampleBatch {
        let main = stream.kind.mainTensor ?? ""
        guard let count = try frame.tensor(main).shape.first else {
            throw Failure(.data, "tensor `\(main)` has no batch dimension")
        }
        let seeds = try rows(frame.tensor("seed"), count)
        let classes = try frame["label"].map { try rows($0, count).map { Int($0) } }
        var tensors: [NamedTensor] = []
        var dropped: [String] = []
        for tensor in frame.tensors where tensor.name != "seed" && tensor.name != "label" {
            if known.contains(tensor.name) || isConditionTensor(tensor.name) {
                guard tensor.shape.first == count else {
                    throw Failure(.data, "tensor `\(tensor.name)` of shape \(tensor.shape) has not \(count) rows")
                }
            } else if foreign == .drop || tensor.shape.first != count {
                dropped.append(tensor.name)
                continue
            }
            tensors.append(tensor)
        }
        warn(dropped)
        return SampleBatch(seeds: seeds, classes: classes, tensors: tensors, part: stream.part, startsPart: startsPart)
    }

    private func rows(_ tensor: NamedTensor, _ count: Int) throws -> [Int64] {
        guard tensor.shape == [count] else {
            throw Failure(.data, "tensor `\(tensor.name)` has shape \(tensor.shape) where [\(count)] is expected")
        }
        return try tensor.int64s()
    }

    private func warn(_ dropped: [String]) {
        let fresh = dropped.filter { warned.insert($0).inserted }
        if !fresh.isEmpty {
            let names = fresh.map { "`\($0)`" }.joined(separator: ", ")
            reporter?.warn("\(stream.frames.place): dropped, not known here: \(names)")
        }
    }
}
