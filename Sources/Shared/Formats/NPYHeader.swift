import Diagnostics

/// The contents of a .npy header.
package struct NPYHeader: Sendable, Equatable {
    package var type: DataType
    package var shape: [Int]
    package var isFortranOrder: Bool
    /// Whether the most significant byte of each element comes first.
    package var isBigEndian: Bool

    private static let codes: [(String, DataType)] = [
        ("<f8", .float64), ("<f4", .float32), ("<f2", .float16), ("<i8", .int64), ("<i4", .int32), ("<i2", .int16),
        ("|i1", .int8), ("<u8", .uint64), ("<u4", .uint32), ("<u2", .uint16), ("|u1", .uint8), ("|b1", .bool),
    ]

    static func code(_ type: DataType) -> String? { codes.first { $0.1 == type }?.0 }

    /// Parses the text of a header: a Python dictionary with exactly the keys descr, fortran_order and shape.
    package init(parsing bytes: some Collection<UInt8>) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.data, ".npy header is not text")
        }
        var scanner = LiteralScanner(text)
        var (code, shape, order): (String?, [Int]?, Bool?)
        try scanner.expect("{")
        while !scanner.take("}") {
            let key = try scanner.string()
            try scanner.expect(":")
            switch key {
            case "descr" where code == nil: code = try scanner.string()
            case "fortran_order" where order == nil: order = try scanner.boolean()
            case "shape" where shape == nil: shape = try scanner.tuple()
            default: throw Failure(.data, ".npy header has an unexpected `\(key)`")
            }
            if !scanner.take(",") {
                try scanner.expect("}")
                break
            }
        }
        guard scanner.isAtEnd, let code, let shape, let order else {
            throw Failure(.data, ".npy header needs exactly descr, fortran_order and shape")
        }
        type = try Self.type(code)
        (self.shape, isFortranOrder, isBigEndian) = (shape, order, code.hasPrefix(">") && type.size > 1)
    }

    /// Returns the type of a code such as `<f4`, whichever the order of its bytes. Throws `.data` if the elements are no
    /// numbers that are read here.
    private static func type(_ code: String) throws -> DataType {
        let name = code.dropFirst()
        if let prefix = code.first, "<>=|".contains(prefix),
            let known = codes.first(where: { $0.0.dropFirst() == name })
        {
            return known.1
        }
        let kind =
            switch name.first {
            case "O": "Python objects"
            case "U", "S", "a": "texts"
            case "c": "complex numbers"
            case "M", "m": "dates or durations"
            default: "elements of the dtype `\(code)`"
            }
        throw Failure(.data, "a .npy array of \(kind) is not read", suggestion: numbersWanted)
    }

    fileprivate static let numbersWanted = "save an array of numbers, such as x.astype(numpy.float32)"

    package func byteCount(name: String) throws -> Int { try type.byteCount(of: shape, tensor: name) }

    /// Returns the tensor in row-major order. `bytes` must be as many as the header says.
    package func tensor(name: String, bytes: [UInt8]) -> NamedTensor {
        let little = isBigEndian ? Self.swapped(bytes, size: type.size) : bytes
        let ordered = isFortranOrder && shape.count > 1 ? Self.rowMajor(little, shape: shape, size: type.size) : little
        return NamedTensor(name: name, type: type, shape: shape, bytes: ordered)
    }

    /// Returns elements of `size` bytes with their bytes in the opposite order.
    private static func swapped(_ bytes: [UInt8], size: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: bytes.count) { target, count in
            for index in bytes.indices { target[index] = bytes[index - index % size + size - 1 - index % size] }
            count = bytes.count
        }
    }

    /// Returns elements of `size` bytes, given in column-major order, in row-major order.
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

/// A scanner for the few Python literals that a .npy header consists of.
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
        if quote == "\"", !take("\"") {
            throw Failure(.data, "a .npy array of records is not read", suggestion: NPYHeader.numbersWanted)
        }
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
