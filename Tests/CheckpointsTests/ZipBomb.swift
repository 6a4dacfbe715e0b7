import CZlib
import Diagnostics

/// Makes deflate data that inflates far.
enum ZipBomb {
    /// Returns raw deflate data of `count` zeros, about a thousandth of that.
    static func zeros(_ count: Int) throws -> [UInt8] {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        defer { stream.deallocate() }
        let size = Int32(MemoryLayout<z_stream>.size)
        guard deflateInit2_(stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK else {
            throw Failure(.internal, "zlib cannot start")
        }
        defer { deflateEnd(stream) }
        var input = [UInt8](repeating: 0, count: count)
        return [UInt8](unsafeUninitializedCapacity: count / 500 + 1024) { output, written in
            input.withUnsafeMutableBufferPointer { source in
                stream.pointee.next_in = source.baseAddress
                stream.pointee.avail_in = UInt32(count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                deflate(stream, Z_FINISH)
            }
            written = output.count - Int(stream.pointee.avail_out)
        }
    }
}
