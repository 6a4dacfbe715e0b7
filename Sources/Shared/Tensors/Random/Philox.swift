/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011), a counter-based
/// generator: the words at a place in a key's sequence depend on the key and the place alone.
package struct Philox: Sendable {
    package let key: SIMD2<UInt32>

    /// The key's low word is the low half of `seed`.
    package init(seed: Int64) {
        let bits = UInt64(bitPattern: seed)
        self.init(key: SIMD2(UInt32(truncatingIfNeeded: bits), UInt32(truncatingIfNeeded: bits >> 32)))
    }

    package init(key: SIMD2<UInt32>) { self.key = key }

    /// Returns the four words at `counter`, whose word 0 is the lowest.
    package func words(at counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
        var (state, key) = (counter, key)
        for round in 0..<10 {
            if round > 0 { key &+= SIMD2(0x9E37_79B9, 0xBB67_AE85) }
            let first = UInt64(0xD251_1F53) * UInt64(state[0])
            let second = UInt64(0xCD9E_8D57) * UInt64(state[2])
            state = SIMD4(
                UInt32(second >> 32) ^ state[1] ^ key[0], UInt32(truncatingIfNeeded: second),
                UInt32(first >> 32) ^ state[3] ^ key[1], UInt32(truncatingIfNeeded: first))
        }
        return state
    }

    /// Returns the words of block `index` in the sequence `stream`: 0 is for the noise, 1 for the label, 2 and 3 for a
    /// move, 4 for a condition.
    package func words(block index: UInt64, stream: UInt32 = 0) -> SIMD4<UInt32> {
        words(at: SIMD4(UInt32(truncatingIfNeeded: index), UInt32(index >> 32), stream, 0))
    }
}
