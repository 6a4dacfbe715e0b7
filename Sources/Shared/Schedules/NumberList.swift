import Diagnostics
import Diffusion
import Formats

/// A list of numbers as users keep it: text (with spaces, commas, semicolons or line ends between the numbers, in brackets
/// or not), JSON, npy, or one tensor of a safetensors file.
package struct NumberList: Sendable {
    /// The name under which the file keeps the list; nil for a bare list.
    package let name: String?
    /// The numbers in order: at least one, and none is NaN.
    package let values: [Double]

    /// Reads the list of the file at `path`.
    ///
    /// - Parameter names: the members of a JSON object, or tensors of a safetensors file, that may hold the list. The first
    ///   one that is there counts.
    package init(path: String, names: [String]) throws {
        let bytes = try Self.contents(path: path)
        self = try locating(path) { try NumberList(parsing: bytes, names: names) }
    }

    /// Returns the bytes of the file at `path`. Throws `.noInput` if it cannot be opened or is not a regular file.
    static func contents(path: String) throws -> [UInt8] {
        let file = try MappedFile(path: path)
        return withExtendedLifetime(file) { Array(file.bytes) }
    }

    /// Returns the bytes of the file at `path` if it may hold a list: nil if it is empty, no regular file that can be
    /// opened, or safetensors.
    static func contents(ofListAt path: String) -> [UInt8]? {
        guard let file = try? MappedFile(path: path) else { return nil }
        return withExtendedLifetime(file) {
            file.bytes.isEmpty || Safetensors.isImage(file.bytes.prefix(9)) ? nil : Array(file.bytes)
        }
    }

    /// Reads the list in the bytes of a file. `names` are those of `init(path:names:)`.
    package init(parsing bytes: [UInt8], names: [String]) throws {
        try FileKind.refuse(bytes, wanted: "a list of numbers", accepted: [.npy, .safetensors, .json, .text])
        var name: String?
        let numbers: [Double]
        if bytes.starts(with: NPY.magic) {
            numbers = try NPY.parse(bytes, name: "list").doubles()
        } else if Safetensors.isImage(bytes) {
            let tensors = try Safetensors.parse(bytes).tensors
            guard let tensor = names.lazy.compactMap({ name in tensors.first { $0.name == name } }).first else {
                throw Failure(.data, "holds no tensor \(names.joined(separator: " or "))")
            }
            (name, numbers) = (tensor.name, try tensor.doubles())
        } else if bytes.first(where: { !Self.isSpace($0) }) == UInt8(ascii: "{") {
            (name, numbers) = try Self.member(of: JSONValue(parsing: bytes), names: names)
        } else {
            numbers = try Self.plain(bytes)
        }
        guard !numbers.isEmpty, numbers.allSatisfy({ !$0.isNaN }) else {
            throw Failure(.data, numbers.isEmpty ? "holds no number" : "holds not-a-number")
        }
        (self.name, values) = (name, numbers)
    }

    private static func member(of object: JSONValue, names: [String]) throws -> (name: String?, values: [Double]) {
        guard let list = names.lazy.compactMap({ name in object[name]?.doubles.map { (name, $0) } }).first else {
            throw Failure(.data, "holds no list of numbers \(names.joined(separator: " or "))")
        }
        return list
    }

    /// Returns the numbers of a text. A list in brackets is read this way too, in JSON or not.
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
    /// Returns the alphas_cumprod of a file: text, JSON, npy or safetensors.
    package static func read(path: String) throws -> [Double] {
        try NumberList(path: path, names: ["alphas_cumprod"]).values
    }
}
