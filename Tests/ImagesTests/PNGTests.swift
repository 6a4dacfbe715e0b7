import Diagnostics
import Formats
import Foundation
import Images
import TestSupport
import Testing

@Suite struct PNGTests {
    /// Returns a picture without symmetry.
    private func sample(width: Int = 7, height: Int = 5, channels: Int) -> Image {
        let pixels = (0..<width * height * channels).map { UInt8(truncatingIfNeeded: $0 * 37 + $0 * $0) }
        return Image(width: width, height: height, channels: channels, pixels: pixels)
    }

    @Test(arguments: [1, 3]) func writtenPicturesReadBackEqual(channels: Int) throws {
        let image = sample(channels: channels)
        #expect(try PNG.decode(PNG.encode(image)) == image)
    }

    @Test func readsThePicturesThatPillowWrote() throws {
        let recorded = try SafetensorsFile(path: Fixtures.path("fid/inception.safetensors")).floats("images")
        for number in 0..<4 {
            let file = try MappedFile(path: Fixtures.path("fid/images/\(number).png"))
            let planes = try PNG.decode([UInt8](file.bytes)).planes
            #expect(planes.shape == [1, 3, 32, 32])
            #expect(planes.elements == Array(recorded[number * 3072..<(number + 1) * 3072]))
        }
    }

    /// A 2x1 RGBA picture that was built byte by byte. The colour under a transparent pixel is kept.
    @Test func dropsTheAlphaChannelWithoutMixing() throws {
        let rows: [UInt8] = [0, 10, 20, 30, 0, 200, 100, 50, 128]
        let image = try PNG.decode(handmade(width: 2, height: 1, depth: 8, colour: 6, rows: rows))
        #expect(image == Image(width: 2, height: 1, channels: 3, pixels: [10, 20, 30, 200, 100, 50]))
    }

    /// libpng would change the levels by the first three of these chunks (PNG specification, section 11.3).
    @Test func levelsAreThoseOfTheFileWhateverItSaysOfColours() throws {
        let rows: [UInt8] = [0, 0, 64, 128, 255]
        let plain = Image(width: 4, height: 1, channels: 1, pixels: [0, 64, 128, 255])
        let chunks: [(String, [UInt8])] = [
            ("gAMA", [0, 1, 0x86, 0xa0]), ("gAMA", [0, 0, 0x58, 0xc7]), ("gAMA", [0, 0, 0xc3, 0x50]),
            ("gAMA", [0, 0, 0, 0]), ("sRGB", [0]), ("cICP", [9, 16, 0, 1]), ("sBIT", [5]), ("tRNS", [0, 64]),
            ("bKGD", [0, 64]), ("eXIf", [0x4d, 0x4d, 0, 0x2a]), ("abCd", []),
        ]
        for (name, data) in chunks {
            let file = handmade(width: 4, height: 1, depth: 8, colour: 0, rows: rows, extra: (name, data))
            #expect(try PNG.decode(file) == plain, "\(name)")
        }
        let rgb = handmade(
            width: 1, height: 1, depth: 8, colour: 2, rows: [0, 10, 99, 200], extra: ("gAMA", [0, 1, 0x86, 0xa0]))
        #expect(try PNG.decode(rgb).pixels == [10, 99, 200])
        let palette = handmade(
            width: 2, height: 1, depth: 8, colour: 3, rows: [0, 1, 0], extra: ("PLTE", [1, 2, 3, 250, 90, 7]))
        #expect(try PNG.decode(palette).pixels == [250, 90, 7, 1, 2, 3])
    }

    /// A level of fewer bits is spread over 0...255, as in Pillow.
    @Test func fewerBitsAreSpread() throws {
        let cases: [(depth: UInt8, row: [UInt8], levels: [UInt8])] = [
            (1, [0b0100_0000], [0, 255]), (2, [0b0001_1011], [0, 85, 170, 255]), (4, [0x0f, 0x70], [0, 255, 119]),
        ]
        for (depth, row, levels) in cases {
            let file = handmade(width: UInt32(levels.count), height: 1, depth: depth, colour: 0, rows: [0] + row)
            #expect(try PNG.decode(file).pixels == levels, "\(depth) bits")
        }
    }

    @Test func refusesUnknownCriticalChunks() throws {
        let file = handmade(width: 1, height: 1, depth: 8, colour: 0, rows: [0, 1], extra: ("ABCd", []))
        let failure = #expect(throws: Failure.self) { try PNG.decode(file) }
        #expect(failure?.status == .data)
    }

    @Test func refusesSixteenBits() throws {
        let file = handmade(width: 1, height: 1, depth: 16, colour: 0, rows: [0, 1, 2])
        #expect(throws: Failure.self) { try PNG.decode(file) }
    }

    @Test func refusesWhatIsNoPicture() throws {
        let whole = try PNG.encode(sample(channels: 3))
        let huge = handmade(width: 60000, height: 60000, depth: 8, colour: 0, rows: [0])
        for bytes in [[], [1, 2, 3], Array(whole.prefix(20)), Array(whole.dropLast(30)), huge] {
            let failure = #expect(throws: Failure.self) { try PNG.decode(bytes) }
            #expect(failure?.status == .data)
        }
        var flipped = whole
        flipped[whole.count - 20] ^= 0xFF
        #expect(throws: Failure.self) { try PNG.decode(flipped) }
    }

    /// Returns a PNG with one stored deflate block: signature, IHDR, IDAT and IEND with their checksums.
    /// `extra` is a chunk before IDAT.
    private func handmade(
        width: UInt32, height: UInt32, depth: UInt8, colour: UInt8, rows: [UInt8], extra: (String, [UInt8])? = nil
    ) -> [UInt8] {
        func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
            let body = Array(name.utf8) + data
            var crc: UInt32 = .max
            for byte in body {
                crc ^= UInt32(byte)
                for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
            }
            return big(UInt32(data.count)) + body + big(~crc)
        }
        let (a, b) = rows.reduce((UInt32(1), UInt32(0))) { sums, byte in
            let a = (sums.0 + UInt32(byte)) % 65521
            return (a, (sums.1 + a) % 65521)
        }
        let length = UInt16(rows.count)
        let block = [1, UInt8(length & 255), UInt8(length >> 8), UInt8(~length & 255), UInt8(~length >> 8)]
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
            + chunk("IHDR", big(width) + big(height) + [depth, colour, 0, 0, 0])
            + (extra.map { chunk($0.0, $0.1) } ?? [])
            + chunk("IDAT", [0x78, 0x01] + block + rows + big(b << 16 | a)) + chunk("IEND", [])
    }
}
