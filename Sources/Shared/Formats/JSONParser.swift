import Diagnostics

extension JSONValue {
    /// The number of arrays and objects that may be nested in each other.
    package static let maximumDepth = 64

    /// Parses one whole document (RFC 8259). It refuses more than many parsers do: a name that an object has twice,
    /// bytes that are not UTF-8, lone surrogates, and anything after the document. Throws `.data` and names the byte.
    package init(parsing bytes: some Sequence<UInt8>) throws {
        var parser = JSONParser(bytes: Array(bytes))
        self = try parser.document()
    }

    /// Parses the document in a file of at most `limit` bytes. Throws `.noInput` or `.data`, which name the path.
    ///
    /// - Parameter isPythons: whether NaN, Infinity and -Infinity, which Python writes into JSON, are read as text.
    package init(file path: String, limit: Int = 1 << 20, isPythons: Bool = false) throws {
        let bytes = try Descriptor.contents(of: path, limit: limit)
        self = try locating(path) {
            try FileKind.refuse(bytes, wanted: "JSON", accepted: [.json, .text])
            var parser = JSONParser(bytes: bytes, isPythons: isPythons)
            return try parser.document()
        }
    }

    package init(parsing text: String) throws { try self.init(parsing: text.utf8) }
}

/// A recursive descent over the bytes; `position` is the place of the next byte.
private struct JSONParser {
    let bytes: [UInt8]
    let isPythons: Bool
    var position = 0

    init(bytes: [UInt8], isPythons: Bool = false) { (self.bytes, self.isPythons) = (bytes, isPythons) }

    mutating func document() throws -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw failure("text after the end of the document") }
        return value
    }

    // MARK: Values

    private mutating func value(depth: Int) throws -> JSONValue {
        guard depth <= JSONValue.maximumDepth else {
            throw failure("nested deeper than \(JSONValue.maximumDepth) levels")
        }
        skipSpace()
        guard let byte = peek else { throw failure("unexpected end") }
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try nonFinite() ?? number()
        }
    }

    /// Parses what Python writes for numbers that JSON has not, as text; nil if there is nothing of that.
    private mutating func nonFinite() throws -> JSONValue? {
        guard isPythons else { return nil }
        let name = ["NaN", "Infinity", "-Infinity"].first { bytes[position...].starts(with: $0.utf8) }
        return try name.map { try word($0, .string($0)) }
    }

    private mutating func object(depth: Int) throws -> JSONValue {
        var members: [JSONValue.Member] = []
        var names: Set<String> = []
        try list(from: "{", to: "}") { parser in
            parser.skipSpace()
            let name = try parser.string()
            guard names.insert(name).inserted else { throw parser.failure("the name `\(name)` occurs twice") }
            parser.skipSpace()
            try parser.expect(":")
            members.append(JSONValue.Member(name, try parser.value(depth: depth + 1)))
        }
        return .object(members)
    }

    private mutating func array(depth: Int) throws -> JSONValue {
        var elements: [JSONValue] = []
        try list(from: "[", to: "]") { parser in elements.append(try parser.value(depth: depth + 1)) }
        return .array(elements)
    }

    /// Parses items that are separated by commas, between two brackets.
    private mutating func list(
        from opening: Unicode.Scalar, to closing: Unicode.Scalar, item: (inout JSONParser) throws -> Void
    ) throws {
        try expect(opening)
        skipSpace()
        if peek == UInt8(ascii: closing) {
            position += 1
            return
        }
        while true {
            try item(&self)
            skipSpace()
            if peek == UInt8(ascii: ",") {
                position += 1
            } else {
                return try expect(closing)
            }
        }
    }

    private mutating func word(_ text: String, _ value: JSONValue) throws -> JSONValue {
        guard bytes[position...].starts(with: text.utf8) else { throw failure("not a JSON value") }
        position += text.utf8.count
        return value
    }

    private mutating func number() throws -> JSONValue {
        let start = position
        if peek == UInt8(ascii: "-") { position += 1 }
        if peek == UInt8(ascii: "0") { position += 1 } else { try digits() }
        var isInteger = true
        if peek == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            try digits()
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            isInteger = false
            position += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw failure("number out of range") }
        return .number(value)
    }

    private mutating func digits() throws {
        let start = position
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        guard position > start else { throw failure("not a JSON value") }
    }

    // MARK: Strings

    private mutating func string() throws -> String {
        try expect("\"")
        var units: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: units, as: UTF8.self) else { throw failure("text is not UTF-8") }
                return text
            case UInt8(ascii: "\\"): units.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20: throw failure("control character in a string")
            default: units.append(byte)
            }
        }
        throw failure("unexpected end")
    }

    private mutating func escape() throws -> Character {
        guard let byte = peek else { throw failure("unexpected end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw failure("unknown escape")
        }
    }

    private mutating func unicodeEscape() throws -> Character {
        var code = try hexadecimal()
        if (0xD800..<0xDC00).contains(code) {
            try expect("\\")
            try expect("u")
            let low = try hexadecimal()
            guard (0xDC00..<0xE000).contains(low) else { throw failure("lone surrogate") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw failure("lone surrogate") }
        return Character(scalar)
    }

    private mutating func hexadecimal() throws -> UInt32 {
        let digits = bytes[position...].prefix(4)
        let isHexadecimal = digits.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
        guard digits.count == 4, isHexadecimal, let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw failure("\\u needs four hexadecimal digits") }
        position += 4
        return code
    }

    // MARK: Bytes

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func expect(_ character: Unicode.Scalar) throws {
        guard peek == UInt8(ascii: character) else {
            throw failure(position < bytes.count ? "expected `\(character)`" : "unexpected end")
        }
        position += 1
    }

    private func failure(_ message: String) -> Failure { Failure(.data, place: "JSON byte \(position)", message) }
}
