import CPNG
import Diagnostics
import Formats

/// Reads and writes PNG files through libpng's simplified interface, which reports errors as values.
///
/// It reads gray, RGB and palette pictures of up to 8 bits a channel, with the levels as they are stored: no gamma, colour
/// profile or rotation is applied, and an alpha channel is dropped, as in the FID tools. It refuses 16-bit files, since
/// narrowing them is the user's decision. It writes 8-bit gray and RGB.
package enum PNG {
    /// The first bytes of every PNG file.
    package static let signature: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
    /// The longest side of a picture, in pixels.
    package static let largestSide = 1 << 16
    /// The largest number of pixels of a picture.
    package static let largestArea = 1 << 26
    /// The length of the longest file that is read, in bytes.
    package static let largestFile = 1 << 28

    /// Returns the picture. Throws `.data` if the bytes are no PNG that is read here; the caller adds the file's name.
    package static func decode(_ bytes: [UInt8]) throws -> Image {
        try FileKind.refuse(bytes, wanted: "a PNG file", accepted: [.png], hint: "pictures are read as PNG files")
        return try withoutAncillaryChunks(bytes).withUnsafeBytes { source in
            var control = png_image()
            control.version = png_uint_32(PNG_IMAGE_VERSION)
            defer { png_image_free(&control) }
            guard let start = source.baseAddress, png_image_begin_read_from_memory(&control, start, source.count) != 0
            else { throw Failure(.data, "not a PNG file (\(message(control)))") }
            try checkHeader(control)
            return try readPixels(&control)
        }
    }

    /// Returns the bytes of a PNG file of `image`.
    package static func encode(_ image: Image) throws -> [UInt8] {
        var control = png_image()
        control.version = png_uint_32(PNG_IMAGE_VERSION)
        control.width = png_uint_32(image.width)
        control.height = png_uint_32(image.height)
        control.format = image.channels == 3 ? png_uint_32(PNG_FORMAT_FLAG_COLOR) : 0
        defer { png_image_free(&control) }
        var size = 0
        guard png_image_write_to_memory(&control, nil, &size, 0, image.pixels, 0, nil) != 0 else {
            throw Failure(.internal, "libpng cannot encode a \(image.form) picture (\(message(control)))")
        }
        var written = size
        let bytes = try [UInt8](unsafeUninitializedCapacity: size) { target, count in
            guard png_image_write_to_memory(&control, target.baseAddress, &written, 0, image.pixels, 0, nil) != 0
            else { throw Failure(.internal, "libpng cannot encode a \(image.form) picture (\(message(control)))") }
            count = written
        }
        return bytes
    }

    /// Returns the file without the chunks whose names begin with a small letter (PNG specification, 5.4). They describe
    /// colours, and libpng would change the levels by them. Bytes that are no chunks stay, for libpng to refuse.
    private static func withoutAncillaryChunks(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.starts(with: signature) else { return bytes }
        var kept = signature
        kept.reserveCapacity(bytes.count)
        var rest = bytes[signature.count...]
        // A chunk is its length, its name, its data and a checksum.
        while rest.count >= 12 {
            let start = rest.startIndex
            let chunk = rest.prefix(12 + rest.prefix(4).reduce(0) { $0 << 8 | Int($1) })
            if bytes[start + 4] & 0x20 == 0 { kept += chunk }
            rest = rest[chunk.endIndex...]
        }
        return kept + rest
    }

    private static func checkHeader(_ control: png_image) throws {
        let (width, height) = (Int(control.width), Int(control.height))
        guard width > 0, height > 0, width <= largestSide, height <= largestSide, width * height <= largestArea else {
            throw Failure(.data, "a PNG of \(width)x\(height) pixels is beyond the limit of \(largestArea) pixels")
        }
        guard control.format & png_uint_32(PNG_FORMAT_FLAG_LINEAR) == 0 else {
            throw Failure(.data, "a 16-bit PNG", suggestion: "convert it to 8 bits a channel")
        }
    }

    /// Reads gray or RGB. An alpha channel is read too and dropped afterwards, so that no background is mixed in.
    private static func readPixels(_ control: inout png_image) throws -> Image {
        let alpha = png_uint_32(PNG_FORMAT_FLAG_ALPHA)
        let colour = png_uint_32(PNG_FORMAT_FLAG_COLOR)
        control.format &= alpha | colour
        let kept = control.format & colour != 0 ? 3 : 1
        let stored = kept + (control.format & alpha != 0 ? 1 : 0)
        let (width, height) = (Int(control.width), Int(control.height))
        let levels = try [UInt8](unsafeUninitializedCapacity: width * height * stored) { target, count in
            guard png_image_finish_read(&control, nil, target.baseAddress, 0, nil) != 0 else {
                throw Failure(.data, "a damaged PNG file (\(message(control)))")
            }
            count = width * height * stored
        }
        guard stored != kept else { return Image(width: width, height: height, channels: kept, pixels: levels) }
        let opaque = (0..<width * height).flatMap { levels[$0 * stored..<$0 * stored + kept] }
        return Image(width: width, height: height, channels: kept, pixels: opaque)
    }

    private static func message(_ control: png_image) -> String {
        withUnsafeBytes(of: control.message) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
