import Diagnostics

/// NumPy's array file. Versions 1 to 3 are read, 1.0 is written. Object and structured arrays are refused.
package enum NPY {
    package static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// The length of the longest header text that is read, in bytes; NumPy itself stops at 10,000.
    package static let maximumHeaderLength = 1 << 16

    /// Returns the length of magic, version and length field together, from the first eight bytes of a file. Throws
    /// `.data` if these are no .npy file's.
    package static func prefixLength(of start: some Collection<UInt8>) throws -> Int {
        let bytes = Array(start.prefix(8))
        guard bytes.count == 8, bytes.starts(with: magic) else { throw Failure(.data, "not a .npy file") }
        switch bytes[6] {
        case 1: return 10
        case 2, 3: return 12
        default: throw Failure(.data, "unknown .npy version \(bytes[6]).\(bytes[7])")
        }
    }

    /// Returns the length of the header text, from the whole prefix. Throws `.data` if it is too long.
    package static func headerLength(prefix: some Collection<UInt8>) throws -> Int {
        let bytes = Array(prefix)
        let length = bytes[8...].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= maximumHeaderLength else {
            throw Failure(.data, ".npy header of \(length) bytes is longer than \(maximumHeaderLength)")
        }
        return length
    }

    /// Returns the array that `bytes`, a whole file, hold, under `name`. Throws `.data` if the file is cut short, too
    /// long or malformed.
    package static func parse(_ bytes: [UInt8], name: String) throws -> NamedTensor {
        let prefix = try prefixLength(of: bytes)
        guard bytes.count >= prefix else { throw Failure(.data, "ends after \(bytes.count) of \(prefix) bytes") }
        let start = prefix + (try headerLength(prefix: bytes[..<prefix]))
        guard bytes.count >= start else { throw Failure(.data, "ends after \(bytes.count) of \(start) bytes") }
        let header = try NPYHeader(parsing: bytes[prefix..<start])
        let length = try header.byteCount(name: name)
        guard bytes.count - start == length else {
            throw Failure(.data, "has \(bytes.count - start) bytes of data where its header says \(length)")
        }
        return header.tensor(name: name, bytes: Array(bytes[start...]))
    }

    /// Returns the bytes of a file of version 1.0, row-major. BF16, which NumPy lacks, is written as F32.
    package static func serialize(_ tensor: NamedTensor) throws -> [UInt8] {
        guard let code = NPYHeader.code(tensor.type) else {
            return try serialize(NamedTensor(name: tensor.name, shape: tensor.shape, floats: try tensor.floats()))
        }
        let shape = tensor.shape.map { "\($0)" }.joined(separator: ", ") + (tensor.shape.count == 1 ? "," : "")
        var text = Array("{'descr': '\(code)', 'fortran_order': False, 'shape': (\(shape)), }".utf8)
        text += [UInt8](repeating: UInt8(ascii: " "), count: 63 - (10 + text.count) % 64) + [UInt8(ascii: "\n")]
        return magic + [1, 0, UInt8(text.count & 255), UInt8(text.count >> 8)] + text + tensor.bytes
    }
}
