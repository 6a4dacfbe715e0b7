import Diagnostics
import Formats

/// Reads frames one after the other from a descriptor. It checks every length before it takes memory for it, and takes memory
/// only as the bytes arrive.
package final class FrameReader {
    /// The name of the input in messages: "standard input", or a path.
    package let place: String
    /// The number of frames read so far; messages count from 1.
    package private(set) var frameCount = 0
    /// Whether the input is a .npy file.
    package private(set) var isArrayFile = false

    /// The time until which the input must have come; nil if there is none. Reading throws `inputOutput` after it.
    package var deadline: ContinuousClock.Instant?

    private let descriptor: Int32
    private let closesDescriptor: Bool
    /// The most bytes for which memory is taken at once because a header announces them.
    private static let chunk = 1 << 20

    package init(descriptor: Int32, place: String, closesDescriptor: Bool = false) {
        self.descriptor = descriptor
        self.place = place
        self.closesDescriptor = closesDescriptor
    }

    deinit {
        if closesDescriptor { try? Descriptor.close(descriptor) }
    }

    /// Returns the next frame, or nil at the end of the input. A .npy file in place of the first frame becomes a frame with one
    /// tensor named `arrayName`; if that is nil, it is refused.
    ///
    /// Throws `data` if the frame is incomplete or is no frame, `inputOutput` if reading fails.
    package func next(arrayName: String? = nil) throws -> Frame? {
        let prefix = try locating(place) { try read(SafetensorsHeader.prefix) }
        if prefix.isEmpty { return nil }
        frameCount += 1
        if frameCount == 1, prefix.starts(with: NPY.magic) {
            guard let arrayName else {
                throw Failure(
                    .data, place: place, "is a .npy array where a tensor stream is expected",
                    suggestion: "<ld3-noise:noise file> takes an array of noise")
            }
            isArrayFile = true
            return try locating(place) { Frame(tensors: [try array(named: arrayName, start: prefix)]) }
        }
        let headerLength = try headerLength(prefix)
        let start = SafetensorsHeader.prefix + headerLength
        let text = try read(headerLength)
        try checkLength(SafetensorsHeader.prefix + text.count, start)
        let header = try inFrame {
            let header = try SafetensorsHeader(parsing: text)
            try header.requireKnownTypes()
            return header
        }
        let tensors = try header.entries.map { entry in
            let bytes = try read(entry.range.count)
            try checkLength(
                start + entry.range.lowerBound + bytes.count, start + header.bufferLength,
                entry.range.count - bytes.count)
            return NamedTensor(name: entry.name, type: entry.type, shape: entry.shape, bytes: bytes)
        }
        return Frame(metadata: header.metadata, tensors: tensors)
    }

    /// Runs `body`; its failures name this input and the frame that was read last.
    package func inFrame<Result>(_ body: () throws -> Result) throws -> Result {
        try locating("\(place): frame \(frameCount)", body)
    }

    /// Returns the length of the header that follows `prefix`. If an input is no stream from its first byte on, the failure
    /// says what it is, as far as its bytes have come.
    private func headerLength(_ prefix: [UInt8]) throws -> Int {
        do {
            try checkLength(prefix.count, SafetensorsHeader.prefix)
            return try inFrame { try SafetensorsHeader.length(prefix: prefix) }
        } catch {
            if frameCount == 1 {
                let start = prefix + Descriptor.available(descriptor, atMost: FileKind.sampleLength)
                try locating(place) { try FileKind.refuse(start, wanted: "a tensor stream") }
            }
            throw error
        }
    }

    private func checkLength(_ count: Int, _ due: Int, _ missing: Int? = nil) throws {
        guard missing ?? (due - count) == 0 else {
            throw Failure(.data, place: place, "frame \(frameCount) ends after \(count) of \(due) bytes")
        }
    }

    /// Reads a .npy file whose first eight bytes have been read already; nothing may follow it.
    private func array(named name: String, start: [UInt8]) throws -> NamedTensor {
        var bytes = start
        func extend(to length: Int) throws {
            bytes += try read(length - bytes.count)
            guard bytes.count == length else { throw Failure(.data, "ends after \(bytes.count) of \(length) bytes") }
        }
        let prefixLength = try NPY.prefixLength(of: start)
        try extend(to: prefixLength)
        let textLength = try NPY.headerLength(prefix: bytes)
        try extend(to: prefixLength + textLength)
        let header = try NPYHeader(parsing: bytes[prefixLength...])
        let length = try header.byteCount(name: name)
        let data = try read(length)
        guard data.count == length else {
            throw Failure(.data, "ends after \(bytes.count + data.count) of \(bytes.count + length) bytes")
        }
        guard try read(1).isEmpty else { throw Failure(.data, "bytes follow the .npy array") }
        return header.tensor(name: name, bytes: data)
    }

    /// Returns `count` bytes, or fewer if the input ends.
    private func read(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let part = try [UInt8](unsafeUninitializedCapacity: min(count - bytes.count, Self.chunk)) {
                buffer, filled in
                let raw = UnsafeMutableRawBufferPointer(buffer)
                while filled < raw.count {
                    if let deadline, !Descriptor.awaitInput(descriptor, until: deadline) {
                        throw Failure(.inputOutput, "nothing more came in time")
                    }
                    let got = try Descriptor.read(
                        descriptor, into: UnsafeMutableRawBufferPointer(rebasing: raw[filled...]))
                    if got == 0 { break }
                    filled += got
                }
            }
            if part.isEmpty { break }
            if bytes.isEmpty { bytes = part } else { bytes += part }
        }
        return bytes
    }
}
