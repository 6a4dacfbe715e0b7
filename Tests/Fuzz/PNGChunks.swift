import Checkpoints

/// Puts the right CRC-32 into every chunk of a damaged PNG file, so that the damage reaches the decoder.
enum PNGChunks {
    static func withChecksums(_ bytes: [UInt8]) -> [UInt8] {
        var result = bytes
        var position = 8
        while position + 12 <= result.count {
            let length = result[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
            let end = position + 8 + length
            guard end + 4 <= result.count else { break }
            let checksum = ByteRegion(Array(result[position + 4..<end])).checksum
            result.replaceSubrange(end..<end + 4, with: withUnsafeBytes(of: checksum.bigEndian) { Array($0) })
            position = end + 4
        }
        return result
    }
}
