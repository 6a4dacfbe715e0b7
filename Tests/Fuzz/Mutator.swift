import Tensors

/// The generator of one fuzzing run: the number of a run is its seed.
typealias Generator = SplitMix

extension SplitMix {
    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<max(limit, 1), using: &self) }
}

/// Damages bytes the way that finds faults in readers: flipped bits, extreme integers where lengths may be, cuts,
/// repeats, pieces of other files.
struct Mutator {
    private var generator: Generator
    /// Words that mean something to the reader at hand.
    private let words: [[UInt8]]

    private static let extremes: [UInt64] = [
        0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
        1 << 40, 1 << 62, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, .max,
    ]

    init(_ generator: Generator, words: [[UInt8]]) {
        self.generator = generator
        self.words = words
    }

    /// `input` after one change, or two, four, eight, each half as often; at most a little longer than twice the input.
    mutating func mutate(_ input: [UInt8], with other: [UInt8]) -> [UInt8] {
        var bytes = input
        let limit = 2 * input.count + 256
        for _ in 0..<(1 << (generator.next() | 8).trailingZeroBitCount) {
            change(&bytes, other)
            if bytes.count > limit { bytes.removeLast(bytes.count - limit) }
        }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8], _ other: [UInt8]) {
        guard !bytes.isEmpty else { return bytes = Array(other.prefix(generator.below(other.count + 1))) }
        let place = generator.below(bytes.count)
        switch generator.below(10) {
        case 0: bytes[place] ^= 1 << UInt8(generator.below(8))
        case 1: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
        case 2: bytes[place] &+= UInt8(generator.below(2)) &* 2 &- 1
        case 3, 4: overwrite(&bytes, at: place)
        case 5: bytes.removeLast(bytes.count - place)
        case 6: bytes.removeSubrange(piece(of: bytes, from: place))
        case 7: bytes.insert(contentsOf: bytes[piece(of: bytes, from: generator.below(bytes.count))], at: place)
        case 8: bytes.insert(contentsOf: other[piece(of: other, from: generator.below(other.count))], at: place)
        default:
            guard let word = words.randomElement(using: &generator) else { return }
            let end = generator.below(2) == 0 ? place : min(bytes.count, place + word.count)
            bytes.replaceSubrange(place..<end, with: word)
        }
    }

    /// An extreme integer of 1, 2, 4 or 8 bytes in either byte order.
    private mutating func overwrite(_ bytes: inout [UInt8], at place: Int) {
        let value = Self.extremes[generator.below(Self.extremes.count)]
        let size = min(1 << generator.below(4), bytes.count - place)
        let ordered = withUnsafeBytes(of: value.littleEndian) { Array($0.prefix(size)) }
        bytes.replaceSubrange(place..<place + size, with: generator.below(2) == 0 ? ordered : ordered.reversed())
    }

    private mutating func piece(of bytes: [UInt8], from place: Int) -> Range<Int> {
        guard place < bytes.count else { return 0..<0 }
        return place..<min(bytes.count, place + 1 + generator.below(1 << generator.below(10)))
    }
}
