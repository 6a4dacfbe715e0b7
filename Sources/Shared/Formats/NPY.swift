import Diagnostics

/// NumPy's array file: versions 1 to 3 are read, 1.0 is written. Object and structured arrays are refused.
package enum NPY {
    package static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// Longest header text that is read, in bytes; NumPy itself stops at 10,000.
    package static let maximumHeaderLength = 1 << 16

    /// Bytes of magic, version and length field, from the first eight bytes of a file.
    package static func prefixLength(of start: some Collection<UInt8>) throws -> Int {
        let bytes = Array(start.prefix(8))
        guard bytes.count == 8, bytes.starts(with: magic) else { throw Failure(.data, "not a .npy file") }
        switch bytes[6] {
        case 1: return 10
        case 2, 3: return 12
        default: throw Failure(.data, "unknown .npy version \(bytes[6]).\(bytes[7])")
        }
    }

    /// Bytes of header text, from a whole prefix.
    package static func headerLength(prefix: some Collection<UInt8>) throws -> Int {
        let bytes = Array(prefix)
        let length = bytes[8...].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= maximumHeaderLength else {
            throw Failure(.data, ".npy header of \(length) bytes is longer than \(maximumHeaderLength)")
        }
        return length
    }

    /// The array in a whole file's bytes, under `name`.
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

    /// A whole file, version 1.0, row-major. BF16, which NumPy lacks, is written as F32.
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

/// What a .npy header says.
package struct NPYHeader: Sendable, Equatable {
    package var type: DataType
    package var shape: [Int]
    package var isFortranOrder: Bool

    private static let codes: [(String, DataType)] = [
        ("<f8", .float64), ("<f4", .float32), ("<f2", .float16), ("<i8", .int64), ("<i4", .int32), ("<i2", .int16),
        ("|i1", .int8), ("<u8", .uint64), ("<u4", .uint32), ("<u2", .uint16), ("|u1", .uint8), ("|b1", .bool),
    ]

    fileprivate static func code(_ type: DataType) -> String? { codes.first { $0.1 == type }?.0 }

    /// Parses the header text: a Python dictionary with exactly descr, fortran_order and shape.
    package init(parsing bytes: some Collection<UInt8>) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.data, ".npy header is not text")
        }
        var scanner = LiteralScanner(text)
        var (type, shape, order): (DataType?, [Int]?, Bool?)
        try scanner.expect("{")
        while !scanner.take("}") {
            let key = try scanner.string()
            try scanner.expect(":")
            switch key {
            case "descr" where type == nil:
                let code = try scanner.string()
                type =
                    Self.codes.first { $0.0 == code || $0.0.dropFirst() == code.dropFirst() && code.hasPrefix("=") }?.1
                guard type != nil else { throw Failure(.data, ".npy dtype `\(code)` is not supported") }
            case "fortran_order" where order == nil: order = try scanner.boolean()
            case "shape" where shape == nil: shape = try scanner.tuple()
            default: throw Failure(.data, ".npy header has an unexpected `\(key)`")
            }
            if !scanner.take(",") {
                try scanner.expect("}")
                break
            }
        }
        guard scanner.isAtEnd, let type, let shape, let order else {
            throw Failure(.data, ".npy header needs exactly descr, fortran_order and shape")
        }
        (self.type, self.shape, isFortranOrder) = (type, shape, order)
    }

    package func byteCount(name: String) throws -> Int { try type.byteCount(of: shape, tensor: name) }

    /// The tensor, row-major, from data that are as many bytes as the header says.
    package func tensor(name: String, bytes: [UInt8]) -> NamedTensor {
        let ordered = isFortranOrder && shape.count > 1 ? Self.rowMajor(bytes, shape: shape, size: type.size) : bytes
        return NamedTensor(name: name, type: type, shape: shape, bytes: ordered)
    }

    /// Column-major elements of `size` bytes put into row-major order.
    private static func rowMajor(_ bytes: [UInt8], shape: [Int], size: Int) -> [UInt8] {
        var strides = [Int](repeating: size, count: shape.count)
        for axis in shape.indices.dropFirst() { strides[axis] = strides[axis - 1] * shape[axis - 1] }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = [Int](repeating: 0, count: shape.count)
        while result.count < bytes.count {
            let offset = zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 }
            result += bytes[offset..<offset + size]
            var axis = shape.count - 1
            while axis >= 0 {
                index[axis] += 1
                if index[axis] < shape[axis] { break }
                index[axis] = 0
                axis -= 1
            }
        }
        return result
    }
}

/// The few Python literals that a .npy header is made of.
private struct LiteralScanner {
    private var rest: Substring

    init(_ text: String) { rest = Substring(text) }

    var isAtEnd: Bool { rest.allSatisfy(\.isWhitespace) }

    mutating func take(_ word: String) -> Bool {
        rest = rest.drop(while: \.isWhitespace)
        guard rest.hasPrefix(word) else { return false }
        rest = rest.dropFirst(word.count)
        return true
    }

    mutating func expect(_ word: String) throws {
        guard take(word) else { throw Failure(.data, ".npy header: expected `\(word)`") }
    }

    mutating func string() throws -> String {
        let quote: Character = take("'") ? "'" : "\""
        if quote == "\"", !take("\"") { throw Failure(.data, ".npy dtype is structured or not text") }
        guard let end = rest.firstIndex(of: quote) else { throw Failure(.data, ".npy header ends inside a string") }
        defer { rest = rest[rest.index(after: end)...] }
        return String(rest[..<end])
    }

    mutating func boolean() throws -> Bool {
        if take("True") { return true }
        try expect("False")
        return false
    }

    mutating func tuple() throws -> [Int] {
        var numbers: [Int] = []
        try expect("(")
        while !take(")") {
            rest = rest.drop(while: \.isWhitespace)
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int(digits) else { throw Failure(.data, ".npy shape is not a tuple of integers") }
            rest = rest.dropFirst(digits.count)
            _ = take("L")
            numbers.append(number)
            if !take(",") {
                try expect(")")
                break
            }
        }
        return numbers
    }
}
