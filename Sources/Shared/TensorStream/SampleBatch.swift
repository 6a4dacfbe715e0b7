import Diagnostics
import Formats

/// Some samples of one part of a stream, with their tensors.
package struct SampleBatch: Sendable, Equatable {
    /// The seed of each sample, which identifies it.
    package var seeds: [Int64]
    /// The class of each sample, the tensor `label`, -1 for none; nil if the stream has no such tensor.
    package var classes: [Int]?
    /// All other tensors, [B, ...]: those of the stream's kind, and those that only pass through.
    package var tensors: [NamedTensor]
    package var part: StreamPart
    /// Whether this batch is the first of its part.
    package var startsPart: Bool

    package init(
        seeds: [Int64], classes: [Int]? = nil, tensors: [NamedTensor], part: StreamPart, startsPart: Bool
    ) {
        self.seeds = seeds
        self.classes = classes
        self.tensors = tensors
        self.part = part
        self.startsPart = startsPart
    }

    package var count: Int { seeds.count }

    package subscript(name: String) -> NamedTensor? { tensors.first { $0.name == name } }

    /// Returns the shape of one sample in the tensor `name`. Throws `data` if there is no such tensor.
    package func sampleShape(_ name: String) throws -> [Int] { Array(try tensor(name).shape.dropFirst()) }

    /// The elements of the tensor `name`, row-major, from any float or integer type.
    ///
    /// Throws `.data` where it is missing, where a sample's shape is not `sampleShape`, and where an element is NaN or
    /// infinite, naming the seed.
    package func floats(_ name: String, sampleShape: [Int]? = nil) throws -> [Float] {
        let tensor = try tensor(name)
        let shape = Array(tensor.shape.dropFirst())
        if let sampleShape, shape != sampleShape {
            throw failure("tensor `\(name)` has samples of shape \(shape) where \(sampleShape) is expected")
        }
        let values = try tensor.floats()
        if let fault = values.firstIndex(where: { !$0.isFinite }) {
            let (word, seed) = (values[fault].isNaN ? "NaN" : "infinity", seeds[fault / (values.count / count)])
            throw failure("tensor `\(name)` has \(word) in the sample with seed \(seed)")
        }
        return values
    }

    /// Returns these samples with `tensor` [B, ...], which replaces one of its name.
    package func setting(_ tensor: NamedTensor) -> SampleBatch {
        precondition(tensor.shape.first == count)
        var batch = removing([tensor.name])
        batch.tensors.append(tensor)
        return batch
    }

    package func removing(_ names: Set<String>) -> SampleBatch {
        var batch = self
        batch.tensors.removeAll { names.contains($0.name) }
        return batch
    }

    /// The tensors of a frame: the seeds and classes, and all others.
    package var frameTensors: [NamedTensor] {
        var result = tensors
        result.append(NamedTensor(name: "seed", shape: [count], int64s: seeds))
        if let classes { result.append(NamedTensor(name: "label", shape: [count], int64s: classes.map { Int64($0) })) }
        return result
    }

    private func tensor(_ name: String) throws -> NamedTensor {
        guard let tensor = self[name] else { throw failure("no tensor named `\(name)`") }
        return tensor
    }

    /// Returns a failure that names the input of these samples.
    private func failure(_ message: String) -> Failure { Failure(.data, place: part.place, message) }
}

extension SampleBatch {
    /// Returns the samples at `rows`. Only the batch with the first sample is the first of its part.
    package func samples(_ rows: Range<Int>) -> SampleBatch {
        if rows == 0..<count { return self }
        var result = self
        result.seeds = Array(seeds[rows])
        result.classes = classes.map { Array($0[rows]) }
        result.tensors = tensors.map { $0.rows(rows) }
        result.startsPart = startsPart && rows.lowerBound == 0
        return result
    }

    /// Appends the samples of `other`, which are of the same part. Throws `data` if the tensors do not agree.
    mutating func append(_ other: SampleBatch) throws {
        guard (classes == nil) == (other.classes == nil) else {
            throw Failure(.data, "some frames have the tensor `label`, others not")
        }
        for tensor in tensors where other[tensor.name] == nil { throw Self.disagreement(tensor, nil) }
        for tensor in other.tensors {
            guard let index = tensors.firstIndex(where: { $0.name == tensor.name }) else {
                throw Self.disagreement(tensor, nil)
            }
            guard tensors[index].type == tensor.type, tensors[index].shape.dropFirst() == tensor.shape.dropFirst()
            else {
                throw Self.disagreement(tensor, tensors[index])
            }
            tensors[index].bytes += tensor.bytes
            tensors[index].shape[0] += tensor.shape[0]
        }
        seeds += other.seeds
        if let more = other.classes { classes?.append(contentsOf: more) }
    }

    private static func disagreement(_ tensor: NamedTensor, _ earlier: NamedTensor?) -> Failure {
        guard let earlier else { return Failure(.data, "some frames have the tensor `\(tensor.name)`, others not") }
        let (now, before) = (tensor.shape.dropFirst(), earlier.shape.dropFirst())
        return Failure(
            .data,
            "tensor `\(tensor.name)` has \(tensor.type.rawValue) samples of shape \(Array(now)), "
                + "and \(earlier.type.rawValue) \(Array(before)) before")
    }
}

extension [SampleBatch] {
    /// The part of the sample with the lowest seed, which does not depend on the order of the parts; nil if there are no samples.
    package var firstPartBySeed: StreamPart? {
        filter { $0.count > 0 }.min { ($0.seeds.min() ?? 0) < ($1.seeds.min() ?? 0) }?.part
    }
}

extension NamedTensor {
    /// Returns rows of the first dimension.
    package func rows(_ range: Range<Int>) -> NamedTensor {
        let size = shape[0] == 0 ? 0 : bytes.count / shape[0]
        var result = self
        result.shape[0] = range.count
        result.bytes = Array(bytes[range.lowerBound * size..<range.upperBound * size])
        return result
    }
}
