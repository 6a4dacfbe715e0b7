import Diagnostics
import Formats

/// Reads a stream of samples in batches of the reader's own size, whatever the size of the frames. A batch holds samples of one
/// part only, so that each part keeps its own metadata and count.
package final class SampleReader {
    /// Tells what happens to a tensor that the program does not know.
    package enum Foreign: Sendable {
        /// It passes through if it has one row for each sample.
        case pass
        case drop
    }

    package let stream: StreamReader
    /// The number of samples of a batch; nil for the size of the frames. It may be set after the first part was read, when the
    /// model is known.
    package var batch: Int?
    private let known: Set<String>
    private let foreign: Foreign
    private let reporter: Reporter?
    /// Samples that were read and not yet returned: those of `pending` from `taken` on, then those of the next part.
    private var pending: SampleBatch?
    private var taken = 0
    private var following: SampleBatch?
    private var warned: Set<String> = []

    /// Makes a reader.
    ///
    /// - Parameters:
    ///   - batch: the number of samples of a batch; nil for the size of the frames.
    ///   - known: the tensors that the program needs, besides `seed`, `label` and the conditions.
    ///   - foreign: what happens to all others; `reporter` is told of those that are dropped.
    package init(
        _ stream: StreamReader, batch: Int? = nil, known: [String], foreign: Foreign = .pass, reporter: Reporter? = nil
    ) {
        (self.stream, self.batch, self.known, self.foreign) = (stream, batch, Set(known), foreign)
        self.reporter = reporter
    }

    /// Returns the first part, with the model, the process and the count, before its first sample is read.
    package func firstPart() throws -> StreamPart {
        if pending == nil { pending = try nextFrame() }
        return pending?.part ?? stream.part
    }

    /// Returns the shape of a sample in the tensor `name` of the first samples; nil if there are none.
    package func firstSampleShape(_ name: String) throws -> [Int]? {
        _ = try firstPart()
        return pending?[name].map { Array($0.shape.dropFirst()) }
    }

    /// Returns the next samples, or nil at the end. An empty part is one empty batch. Throws what `StreamReader.next` throws, and
    /// `data` if a tensor is missing or has another number of rows.
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

    /// Returns all samples of the stream, one batch for each part.
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

    /// Returns the next frame that holds samples or begins a part.
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
                    throw Failure(
                        .data, "tensor `\(tensor.name)` of shape \(tensor.shape) has not \(counted(count, "row"))")
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
