import Diagnostics
import Diffusion
import Formats

/// Lists of numbers as users keep them: text (separated by spaces, commas, semicolons or line ends, in brackets or
/// not), JSON, npy, or one tensor of a safetensors file.
package enum NumberList {
    /// Reads every number of the file, in order.
    ///
    /// - Parameter names: members of a JSON object or tensors of a safetensors file that may hold the list; the first
    ///   that is there counts.
    package static func read(path: String, names: [String]) throws -> [Double] {
        let bytes = try contents(path: path)
        return try locating(path) { try parse(bytes, names: names) }
    }

    /// Whether `path` is a readable file that is no safetensors file or stream, which other readers take.
    package static func isList(path: String) -> Bool {
        guard let bytes = try? contents(path: path, limit: 9) else { return false }
        return !bytes.isEmpty && !Safetensors.isImage(bytes)
    }

    /// Whether the file begins as a zip archive, PyTorch's container, does.
    package static func isZip(path: String) throws -> Bool {
        try contents(path: path, limit: 4) == [0x50, 0x4b, 3, 4]
    }

    /// The bytes of the file, at most `limit` of them.
    package static func contents(path: String, limit: Int = .max) throws -> [UInt8] {
        let file = try MappedFile(path: path)
        return withExtendedLifetime(file) { Array(file.bytes.prefix(limit)) }
    }

    package static func parse(_ bytes: [UInt8], names: [String]) throws -> [Double] {
        let numbers: [Double]
        if bytes.starts(with: NPY.magic) {
            numbers = try NPY.parse(bytes, name: "list").doubles()
        } else if Safetensors.isImage(bytes) {
            let tensors = try Safetensors.parse(bytes).tensors
            guard let tensor = names.lazy.compactMap({ name in tensors.first { $0.name == name } }).first else {
                throw Failure(.data, "holds no tensor \(names.joined(separator: " or "))")
            }
            numbers = try tensor.doubles()
        } else if bytes.first(where: { !isSpace($0) }) == UInt8(ascii: "{") {
            numbers = try member(of: JSONValue(parsing: bytes), names: names)
        } else {
            numbers = try plain(bytes)
        }
        guard !numbers.isEmpty, numbers.allSatisfy({ !$0.isNaN }) else {
            throw Failure(.data, numbers.isEmpty ? "holds no number" : "holds not-a-number")
        }
        return numbers
    }

    private static func member(of object: JSONValue, names: [String]) throws -> [Double] {
        guard let list = names.lazy.compactMap({ object[$0]?.doubles }).first else {
            throw Failure(.data, "holds no list of numbers \(names.joined(separator: " or "))")
        }
        return list
    }

    /// A bracketed or bare list; a bracketed one without a comma inside a number is also JSON's form.
    private static func plain(_ bytes: [UInt8]) throws -> [Double] {
        try bytes.split { isSpace($0) || [UInt8(ascii: ","), UInt8(ascii: ";")].contains($0) || isBracket($0) }
            .map { word in
                let text = String(decoding: word, as: UTF8.self)
                guard let number = Double(text) else {
                    throw Failure(.data, "`\(text.prefix(40))` is not a number")
                }
                return number
            }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
    private static func isBracket(_ byte: UInt8) -> Bool { [UInt8(ascii: "["), UInt8(ascii: "]")].contains(byte) }
}

extension NoiseTable {
    /// The alphas_cumprod of a file: text, JSON, npy or safetensors.
    package static func read(path: String) throws -> [Double] {
        try NumberList.read(path: path, names: ["alphas_cumprod"])
    }
}
