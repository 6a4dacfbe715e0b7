import Diagnostics

/// A place in a region that moves forward. Every read is checked against the bytes that are left.
struct ByteCursor {
    let region: ByteRegion
    private(set) var position: Int

    /// The length of the longest text in a pickle, in bytes; the source of a module has some 40 KiB.
    private static let maximumText = 1 << 24
    /// The length of the longest line of the text operations, in bytes.
    private static let maximumLine = 1 << 12

    init(_ region: ByteRegion, at position: Int) {
        self.region = region
        self.position = position
    }

    /// Passes the next `count` bytes and returns their place. Throws `.data` if there are fewer.
    mutating func take(_ count: Int) throws -> Range<Int> {
        guard count >= 0, position <= region.count, count <= region.count - position else {
            throw Failure(.data, "ends inside a value at byte \(position): truncated or corrupt")
        }
        defer { position += count }
        return position..<position + count
    }

    mutating func skip(_ count: Int) throws { _ = try take(count) }

    mutating func byte() throws -> UInt8 { try integer(UInt8.self) }

    /// Reads a little-endian integer.
    mutating func integer<Integer: FixedWidthInteger & BitwiseCopyable>(_ type: Integer.Type) throws -> Integer {
        try region.integer(at: take(MemoryLayout<Integer>.size).lowerBound)
    }

    mutating func count32() throws -> Int { Int(try integer(UInt32.self)) }

    mutating func count64() throws -> Int {
        guard let count = Int(exactly: try integer(UInt64.self)) else {
            throw Failure(.data, "a length at byte \(position) is beyond all files")
        }
        return count
    }

    mutating func text(count: Int) throws -> String {
        guard count <= Self.maximumText else {
            throw Failure(.data, "a text of \(count) bytes at byte \(position) is longer than \(Self.maximumText)")
        }
        let start = position
        return try region.part(take(count)).withBytes { bytes in
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw Failure(.data, "a text at byte \(start) is not UTF-8")
            }
            return text
        }
    }

    /// Reads a string of Python 2: text if it is UTF-8 and short, else bytes.
    mutating func legacyText(count: Int) throws -> PickleValue {
        let range = try take(count)
        guard count <= Self.maximumLine else { return .bytes(range) }
        let text = String(validating: try region.part(range).array, as: UTF8.self)
        return text.map { .string($0) } ?? .bytes(range)
    }

    /// Reads a two's complement integer of `count` bytes.
    mutating func long(count: Int) throws -> PickleValue {
        let range = try take(count)
        guard count <= 8 else { return .wideInteger(range) }
        let bytes = try region.part(range).array
        var bits: UInt64 = (bytes.last ?? 0) & 0x80 == 0 ? 0 : .max
        for byte in bytes.reversed() { bits = bits << 8 | UInt64(byte) }
        return .integer(Int(Int64(bitPattern: bits)))
    }

    /// Reads text up to a newline and passes the newline.
    mutating func line() throws -> String {
        let rest = try region.part(at: position, count: min(region.count - position, Self.maximumLine))
        guard let length = rest.withBytes({ $0.firstIndex(of: UInt8(ascii: "\n")) }) else {
            throw Failure(.data, "a line at byte \(position) does not end")
        }
        defer { position += 1 }
        return try text(count: length)
    }

    mutating func lineInteger() throws -> Int {
        let text = try line()
        guard let value = Int(text) else { throw Failure(.data, "`\(text)` is not an integer of 64 bits") }
        return value
    }

    /// Reads the value of an operation of protocol 0, which is written as a line of text.
    mutating func textConstant(_ opcode: PickleOpcode) throws -> PickleValue {
        let text = try line()
        switch opcode {
        case .integerText where text == "00": return .boolean(false)
        case .integerText where text == "01": return .boolean(true)
        case .integerText, .longText:
            if let value = Int(text.hasSuffix("L") ? String(text.dropLast()) : text) { return .integer(value) }
        case .floatText: if let value = Double(text) { return .number(value) }
        case .unicodeText: if !text.contains("\\") { return .string(text) }
        case .stringText:
            if text.count >= 2, text.first == text.last, text.first == "'" || text.first == "\"", !text.contains("\\") {
                return .string(String(text.dropFirst().dropLast()))
            }
        default: break
        }
        throw Failure(.data, "`\(text)` at byte \(position) is not a value that is read")
    }
}
