import Diagnostics
import Formats
import TensorStream
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs a reader over bytes: by way of a pipe, which holds them all.
func reading<Result>(_ bytes: [UInt8], _ kinds: [StreamKind] = [.noise], _ body: (StreamReader) throws -> Result) throws
    -> Result
{
    precondition(bytes.count <= 1 << 16)
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    try Descriptor.write(ends[1], bytes)
    try Descriptor.close(ends[1])
    return try body(
        StreamReader(FrameReader(descriptor: ends[0], place: "standard input", closesDescriptor: true), kinds: kinds))
}

/// All batches of a stream of noise, read in batches of `size`.
func batches(_ bytes: [UInt8], _ size: Int? = nil, known: [String] = ["noise"], _ foreign: SampleReader.Foreign = .pass)
    throws -> [SampleBatch]
{
    try reading(bytes) { stream in
        let reader = SampleReader(stream, batch: size, known: known, foreign: foreign)
        var result: [SampleBatch] = []
        while let batch = try reader.next() { result.append(batch) }
        return result
    }
}

/// Returns the failure of reading all of `bytes`; nil if there is none.
func failure(_ bytes: [UInt8], _ kinds: [StreamKind] = [.noise]) throws -> Failure? {
    do {
        try reading(bytes, kinds) { stream in
            let reader = SampleReader(stream, batch: 2, known: ["noise"])
            while try reader.next() != nil {}
        }
        return nil
    } catch let failure as Failure {
        return failure
    }
}

/// A frame of noise with samples of two elements, equal to the seed and its half.
func noiseFrame(_ seeds: [Int64], count: Int? = nil, first: Bool = false, metadata: [String: String] = [:]) -> Frame {
    var keys = metadata
    if first || count != nil { keys.merge([Key.format: "1", Key.kind: "noise"]) { old, _ in old } }
    keys[Key.count] = count.map(String.init)
    return Frame(
        metadata: keys,
        tensors: [
            NamedTensor(name: "noise", shape: [seeds.count, 2], floats: seeds.flatMap { [Float($0), Float($0) / 2] }),
            NamedTensor(name: "seed", shape: [seeds.count], int64s: seeds),
        ])
}
