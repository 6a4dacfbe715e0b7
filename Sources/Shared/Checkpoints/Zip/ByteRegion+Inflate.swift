import CZlib
import Diagnostics

extension ByteRegion {
    /// Returns raw deflate data inflated to exactly `count` bytes. Memory grows with the bytes that come, in bounded
    /// chunks, so a false `count` reserves nothing. Throws `.data` if the data is corrupt, ends early, or gives more or
    /// fewer bytes.
    package func inflated(to count: Int, limit: Int = ZipArchive.maximumInflatedCount) throws -> [UInt8] {
        guard count >= 0, count <= limit else {
            throw Failure(.data, "\(count) bytes once inflated are more than the limit of \(limit)")
        }
        return try withBytes { source in
            let inflater = try Inflater(source)
            var output: [UInt8] = []
            while try inflater.step(appendingTo: &output, limit: count) {}
            guard output.count == count else {
                throw Failure(
                    .data, "inflates to \(counted(output.count, "byte")), not the \(count) that were promised")
            }
            return output
        }
    }
}

/// zlib's inflate over bytes in memory. Its state points back at the stream, so the stream must not move.
private final class Inflater {
    private let stream: UnsafeMutablePointer<z_stream>
    private var rest: Slice<UnsafeRawBufferPointer>

    private static let chunk = 1 << 18
    /// The largest piece of input; zlib counts it in 32 bits.
    private static let inputChunk = 1 << 30

    init(_ source: UnsafeRawBufferPointer) throws {
        rest = source[...]
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let size = Int32(MemoryLayout<z_stream>.size)
        guard inflateInit2_(stream, -MAX_WBITS, ZLIB_VERSION, size) == Z_OK else {
            throw Failure(.internal, "zlib cannot start")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Appends the next chunk to `output`. Returns false once the data has ended.
    func step(appendingTo output: inout [UInt8], limit: Int) throws -> Bool {
        let input = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.inputChunk))
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(input.count)
        var status = Z_OK
        // Room for one byte more than promised shows whether the data would go on.
        let room = min(Self.chunk, limit - output.count + 1)
        let piece = [UInt8](unsafeUninitializedCapacity: room) { buffer, written in
            stream.pointee.next_out = buffer.baseAddress
            stream.pointee.avail_out = UInt32(room)
            status = inflate(stream, Z_NO_FLUSH)
            written = room - Int(stream.pointee.avail_out)
        }
        rest = rest.dropFirst(input.count - Int(stream.pointee.avail_in))
        output += piece
        guard output.count <= limit else { throw Failure(.data, "inflates to more than the \(limit) bytes promised") }
        switch status {
        case Z_STREAM_END:
            guard rest.isEmpty else { throw Failure(.data, "has bytes behind its deflate data") }
            return false
        case Z_OK where !piece.isEmpty || !rest.isEmpty: return true
        default: throw Failure(.data, "the deflate data is corrupt or ends early")
        }
    }
}
