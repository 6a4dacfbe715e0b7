/// MT19937 (Matsumoto, Nishimura, "Mersenne Twister", ACM TOMACS 8, 1998), seeded like the authors' init_genrand.
package struct MersenneTwister: Sendable {
    private static let length = 624
    private static let middle = 397

    private var state: [UInt32]
    private var position = length

    package init(seed: UInt32) {
        state = [seed]
        state.reserveCapacity(Self.length)
        for index in 1..<UInt32(Self.length) {
            let last = state[Int(index) - 1]
            state.append(1_812_433_253 &* (last ^ last >> 30) &+ index)
        }
    }

    /// Returns the next 32 bits.
    package mutating func next() -> UInt32 {
        if position == Self.length { twist() }
        var word = state[position]
        position += 1
        word ^= word >> 11
        word ^= word << 7 & 0x9D2C_5680
        word ^= word << 15 & 0xEFC6_0000
        return word ^ word >> 18
    }

    private mutating func twist() {
        state.withUnsafeMutableBufferPointer { state in
            for index in 0..<Self.length {
                let following = index + 1 < Self.length ? index + 1 : 0
                let far = index + Self.middle < Self.length ? index + Self.middle : index + Self.middle - Self.length
                let mixed = state[index] & 0x8000_0000 | state[following] & 0x7FFF_FFFF
                state[index] = state[far] ^ mixed >> 1 ^ (mixed & 1 == 0 ? 0 : 0x9908_B0DF)
            }
        }
        position = 0
    }
}
