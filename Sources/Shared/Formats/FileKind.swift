import Diagnostics

/// A kind of file, told from the first bytes of one. The name is not looked at.
package enum FileKind: String, Sendable, CaseIterable {
    case empty = "empty"
    // These stand in the place of a file that was not fetched.
    case gitLFSPointer = "a Git LFS pointer"
    case gitAnnexPointer = "a git-annex pointer"
    case webPage = "a web page"
    case xml = "an XML text"
    case serverError = "the error text of a server"
    case zeros = "nothing but zero bytes"
    // Packed files.
    case zip = "a zip archive"
    case npz = "an .npz archive"
    case gzip = "a gzip file"
    case bzip2 = "a bzip2 file"
    case xz = "an xz file"
    case zstandard = "a Zstandard file"
    case lz4 = "an LZ4 file"
    case sevenZip = "a 7z archive"
    case rar = "a RAR archive"
    case tar = "a tar archive"
    // Pictures and films.
    case png = "a PNG picture"
    case jpeg = "a JPEG picture"
    case gif = "a GIF picture"
    case webP = "a WebP picture"
    case tiff = "a TIFF picture"
    case bmp = "a BMP picture"
    case avif = "an AVIF or HEIC picture"
    case jpegXL = "a JPEG XL picture"
    case jpeg2000 = "a JPEG 2000 picture"
    case netpbm = "a PPM or PGM picture"
    case psd = "a Photoshop picture"
    case qoi = "a QOI picture"
    case exr = "an OpenEXR picture"
    case svg = "an SVG picture"
    case film = "a film"
    // Weights and tables.
    case safetensors = "a safetensors file"
    case npy = "a .npy array"
    case pickle = "a Python pickle"
    case torch = "a PyTorch file"
    case hdf5 = "an HDF5 file"
    case gguf = "a GGUF file"
    case onnx = "an ONNX file"
    case tensorFlowLite = "a TensorFlow Lite file"
    case matlab = "a MATLAB file"
    case parquet = "a Parquet file"
    case arrow = "an Arrow file"
    case sqlite = "an SQLite database"
    // Texts and others.
    case pdf = "a PDF document"
    case executable = "a program"
    case script = "a script"
    case utf16 = "UTF-16 text"
    case utf32 = "UTF-32 text"
    case json = "JSON text"
    case text = "text"

    /// The number of bytes that suffice to tell the kind.
    package static let sampleLength = 512

    /// Tells the kind of a file from its first bytes: `sampleLength` of them, or all if there are fewer. Nil if they
    /// are of no known kind.
    package init?(start: some Collection<UInt8>) {
        let bytes = Array(start.prefix(Self.sampleLength))
        // The length of a header may have the bytes of any short signature.
        if Safetensors.isImage(bytes) {
            self = .safetensors
            return
        }
        guard let kind = Self.bySignature(bytes) ?? Self.byStructure(bytes) ?? Self.byText(bytes) else { return nil }
        self = kind
    }

    /// Whether a file begins as a zip archive does, with members or empty.
    package static func isZip(_ start: some Collection<UInt8>) -> Bool {
        start.starts(with: Array("PK\u{3}\u{4}".utf8)) || start.starts(with: Array("PK\u{5}\u{6}".utf8))
    }

    /// Whether a file begins as a pickle of protocol 2 to 5 does.
    package static func isPickle(_ start: some Collection<UInt8>) -> Bool {
        let bytes = Array(start.prefix(2))
        return bytes.count == 2 && bytes[0] == 0x80 && (2...5).contains(bytes[1])
    }

    /// Throws `.data` if the file that begins with `start` is of a kind that the caller does not read: the failure says
    /// what the file is, what is wanted, and what the user can do. Returns if the kind is unknown or among `accepted`.
    ///
    /// - Parameters:
    ///   - wanted: the kind of file that the caller reads: "a PNG file".
    ///   - accepted: kinds that the caller can read.
    ///   - hint: what the user can do, if the kind does not tell it.
    package static func refuse(
        _ start: some Collection<UInt8>, wanted: String, accepted: Set<FileKind> = [], hint: String? = nil
    ) throws {
        guard let kind = FileKind(start: start), !accepted.contains(kind) else { return }
        throw kind.refusal(wanted: wanted, hint: hint)
    }

    private func refusal(wanted: String, hint: String?) -> Failure {
        switch self {
        case .empty: Failure(.data, "is empty")
        case .zeros:
            Failure(.data, "begins with nothing but zero bytes, not as \(wanted) does", suggestion: remedy ?? hint)
        default: Failure(.data, "is \(rawValue), not \(wanted)", suggestion: remedy ?? hint)
        }
    }

    /// The remedy, if it is the same for every reader; nil if it depends on the reader.
    private var remedy: String? {
        switch self {
        case .gitLFSPointer: "fetch the file with git lfs pull"
        case .gitAnnexPointer: "fetch the file with git annex get"
        case .webPage, .xml, .serverError: "download the file itself"
        case .zeros: "was it downloaded to the end?"
        case .zip, .gzip, .bzip2, .xz, .zstandard, .lz4, .sevenZip, .rar, .tar: "unpack it first"
        case .utf16, .utf32: "save it as UTF-8"
        default: nil
        }
    }
}

// MARK: - Signatures

extension FileKind {
    private static func signature(_ kind: FileKind, _ bytes: [UInt8], at place: Int = 0) -> (FileKind, Int, [UInt8]) {
        (kind, place, bytes)
    }

    private static func signature(_ kind: FileKind, _ text: String, at place: Int = 0) -> (FileKind, Int, [UInt8]) {
        (kind, place, Array(text.utf8))
    }

    /// The bytes by which a kind is known and their place. The first that fits counts.
    private static let signatures: [(kind: FileKind, place: Int, bytes: [UInt8])] = [
        signature(.gitLFSPointer, "version https://git-lfs"), signature(.gitLFSPointer, "version https://hawser"),
        signature(.gitAnnexPointer, "/annex/objects/"),
        signature(.zip, "PK\u{5}\u{6}"), signature(.zip, "PK\u{7}\u{8}"),
        signature(.gzip, [0x1f, 0x8b]), signature(.bzip2, "BZh"),
        signature(.xz, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), signature(.zstandard, [0x28, 0xb5, 0x2f, 0xfd]),
        signature(.lz4, [0x04, 0x22, 0x4d, 0x18]), signature(.sevenZip, [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]),
        signature(.rar, "Rar!\u{1a}\u{7}"), signature(.tar, "ustar", at: 257),
        signature(.png, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), signature(.jpeg, [0xff, 0xd8, 0xff]),
        signature(.gif, "GIF87a"), signature(.gif, "GIF89a"), signature(.webP, "WEBP", at: 8),
        signature(.tiff, [0x49, 0x49, 0x2a, 0x00]), signature(.tiff, [0x4d, 0x4d, 0x00, 0x2a]),
        signature(.avif, "ftypavif", at: 4), signature(.avif, "ftypheic", at: 4), signature(.avif, "ftypmif1", at: 4),
        signature(.jpegXL, [0xff, 0x0a]), signature(.jpegXL, "JXL ", at: 4), signature(.jpeg2000, "jP  ", at: 4),
        signature(.netpbm, "P5\n"), signature(.netpbm, "P6\n"), signature(.psd, "8BPS"), signature(.qoi, "qoif"),
        signature(.exr, [0x76, 0x2f, 0x31, 0x01]), signature(.film, "ftyp", at: 4),
        signature(.film, [0x1a, 0x45, 0xdf, 0xa3]), signature(.film, "AVI ", at: 8),
        signature(.npy, [0x93] + Array("NUMPY".utf8)), signature(.pickle, "(dp"), signature(.pickle, "(lp"),
        signature(.pickle, "}q"), signature(.pickle, "]q"), signature(.pickle, "ccopy_reg\n"),
        signature(.hdf5, [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]), signature(.gguf, "GGUF"),
        signature(.tensorFlowLite, "TFL3", at: 4), signature(.matlab, "MATLAB 5.0 MAT-file"),
        signature(.parquet, "PAR1"), signature(.arrow, "ARROW1"), signature(.sqlite, "SQLite format 3\0"),
        signature(.pdf, "%PDF-"), signature(.executable, [0x7f, 0x45, 0x4c, 0x46]), signature(.script, "#!"),
        signature(.utf32, [0xff, 0xfe, 0x00, 0x00]), signature(.utf32, [0x00, 0x00, 0xfe, 0xff]),
        signature(.utf16, [0xff, 0xfe]), signature(.utf16, [0xfe, 0xff]),
    ]

    private static func bySignature(_ bytes: [UInt8]) -> FileKind? {
        signatures.first { bytes.dropFirst($0.place).starts(with: $0.bytes) }?.kind
    }

    /// Tells kinds that no fixed bytes mark.
    private static func byStructure(_ bytes: [UInt8]) -> FileKind? {
        guard bytes.count > 3 else { return bytes.isEmpty ? .empty : nil }
        if isZip(bytes) { return packed(firstMember: bytes) }
        if isPickle(bytes) {
            // torch.save's stream begins with a pickle of the integer 0x1950a86a20f9469cfc6c.
            return bytes.dropFirst(2).starts(with: [0x8a, 0x0a, 0x6c, 0xfc]) ? .torch : .pickle
        }
        if bytes.starts(with: [0x42, 0x4d]), bytes.count > 9, bytes[6...9].allSatisfy({ $0 == 0 }) { return .bmp }
        // A protocol buffer: the version of the format in field 1, then the producer's name, the domain or the graph.
        if bytes[0] == 0x08, (1...32).contains(bytes[1]), [0x12, 0x1a, 0x22, 0x3a, 0x42].contains(bytes[2]) {
            return .onnx
        }
        if bytes.count >= 64, bytes.allSatisfy({ $0 == 0 }) { return .zeros }
        return isWideText(bytes) ? .utf16 : nil
    }

    /// Tells NumPy's and PyTorch's archives from others by the name of the first member, whose header begins the file.
    private static func packed(firstMember bytes: [UInt8]) -> FileKind {
        guard bytes.count > 30 else { return .zip }
        let name = String(decoding: bytes[30...].prefix(Int(bytes[26]) | Int(bytes[27]) << 8), as: UTF8.self)
        if name.hasSuffix(".npy") { return .npz }
        return ["/data.pkl", "/.format_version", "/byteorder"].contains(where: name.hasSuffix) ? .torch : .zip
    }

    /// Whether the bytes are UTF-16 without a mark: every other byte is zero, the rest is ASCII text.
    private static func isWideText(_ bytes: [UInt8]) -> Bool {
        let pairs = bytes.count / 2
        return [0, 1].contains { high in
            (0..<pairs).allSatisfy { bytes[2 * $0 + high] == 0 && isTextByte(bytes[2 * $0 + 1 - high]) }
        }
    }
}

// MARK: - Texts

extension FileKind {
    private static func isTextByte(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7f || (9...13).contains(byte) }

    /// Tells kinds of text. A mark at the beginning and space before the text are skipped.
    private static func byText(_ bytes: [UInt8]) -> FileKind? {
        guard bytes.allSatisfy(isTextByte) else { return nil }
        let unmarked = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
        // The end of the sample may cut a character.
        let text = String(decoding: unmarked.drop { $0 <= 0x20 }, as: UTF8.self)
        guard !text.dropLast(bytes.count < sampleLength ? 0 : 1).unicodeScalars.contains("\u{fffd}") else {
            return nil
        }
        let start = text.lowercased()
        if ["<!doctype html", "<html", "<head", "<body"].contains(where: start.hasPrefix) { return .webPage }
        if start.hasPrefix("<svg") || start.hasPrefix("<?xml") && start.contains("<svg") { return .svg }
        if start.hasPrefix("<") { return start.contains("<html") ? .webPage : .xml }
        if serverErrors.contains(where: start.hasPrefix) { return .serverError }
        return start.hasPrefix("{") || start.hasPrefix("[") ? .json : .text
    }

    /// The beginnings of the texts that servers send in the place of a file, in lower case.
    private static let serverErrors = [
        "entry not found", "not found", "404: not found", "404 not found", "403: forbidden", "403 forbidden",
        "401: unauthorized", "401 unauthorized", "repository not found", "invalid username or password",
        "invalid credentials", "access to model", "access denied", "forbidden", "unauthorized", "too many requests",
        "{\"error\"", "{\"message\":\"not found", "{\"message\": \"not found",
    ]
}
