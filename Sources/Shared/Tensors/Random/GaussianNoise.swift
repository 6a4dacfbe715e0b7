#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A way to draw standard normal numbers. Each sample has its own seed, so it is the same in any batch and shard.
package enum GaussianNoise: String, CaseIterable, Sendable {
    /// Philox4x32-10 and Box-Muller in Double, as docs/STREAM.md defines it.
    case philox
    /// The numbers of `torch.randn(n, generator=torch.Generator().manual_seed(seed))` on a CPU, to 4e-7.
    case torch

    /// Returns the noise of `seeds`, `size` elements for each, one sample after the other.
    package func values(seeds: [Int64], size: Int, pool: ThreadPool) -> [Float] {
        [Float](unsafeUninitializedCapacity: seeds.count * size) { buffer, count in
            pool.parallelFor(seeds.count) { row, _ in
                fill(UnsafeMutableBufferPointer(rebasing: buffer[row * size..<(row + 1) * size]), seed: seeds[row])
            }
            count = seeds.count * size
        }
    }

    /// Fills one sample.
    package func fill(_ sample: UnsafeMutableBufferPointer<Float>, seed: Int64) {
        switch self {
        case .philox: Self.fillPhilox(sample, Philox(seed: seed))
        case .torch:
            var generator = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
            if sample.count < 16 {
                Self.fillTorchFew(sample, &generator)
            } else {
                Self.fillTorchMany(sample, &generator)
            }
        }
    }

    /// Moves each of the samples [B, size] in `values` to a place in the ball around it, drawn by its own seed.
    package static func move(_ values: inout [Float], within radius: Double, seeds: [Int64]) {
        guard !seeds.isEmpty else { return }
        let size = values.count / seeds.count
        precondition(size * seeds.count == values.count)
        values.withUnsafeMutableBufferPointer { buffer in
            for (row, seed) in seeds.enumerated() {
                move(.init(rebasing: buffer[row * size..<(row + 1) * size]), within: radius, seed: seed)
            }
        }
    }

    /// Moves one sample to a place drawn uniformly from the ball around it: by radius u^(1/d) along a normal vector
    /// scaled to length 1. Both come from the seed's Philox sequences 2 and 3; the noise has sequence 0.
    private static func move(_ sample: UnsafeMutableBufferPointer<Float>, within radius: Double, seed: Int64) {
        let generator = Philox(seed: seed)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: sample.count) { direction in
            fillPhilox(direction, generator, stream: 2)
            let length = direction.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            let uniform = (Double(generator.words(block: 0, stream: 3)[0]) + 0.5) / 4_294_967_296
            let scale = radius * pow(uniform, 1 / Double(max(sample.count, 1))) / max(length, .leastNormalMagnitude)
            for index in sample.indices { sample[index] += Float(scale * Double(direction[index])) }
        }
    }

    /// Returns a uniform class of 0 ..< classes: floor(w K / 2^32) for K classes and the first word w of the seed's
    /// Philox sequence 1.
    package static func label(seed: Int64, classes: Int) -> Int {
        let word = Philox(seed: seed).words(block: 0, stream: 1)[0]
        return Int((UInt64(word) * UInt64(classes)) >> 32)
    }

    /// Returns the normal numbers from which a model draws the condition of the sample with this seed. They come from the
    /// seed's own Philox sequence beside the noise.
    package static func conditionNoise(seed: Int64, count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, filled in
            fillPhilox(UnsafeMutableBufferPointer(rebasing: buffer[..<count]), Philox(seed: seed), stream: 4)
            filled = count
        }
    }

    /// Fills the elements 4c ... 4c+3 from block c: each of the pairs of words (0, 1) and (2, 3) makes a cosine and a
    /// sine.
    private static func fillPhilox(
        _ sample: UnsafeMutableBufferPointer<Float>, _ generator: Philox, stream: UInt32 = 0
    ) {
        let scale = 1 / 4_294_967_296.0
        for block in 0..<(sample.count + 3) / 4 {
            let words = generator.words(block: UInt64(block), stream: stream)
            let uniform = (SIMD4<Double>(words) + 0.5) * scale
            for pair in 0..<2 {
                let radius = (-2 * log(uniform[2 * pair])).squareRoot()
                let angle = 2 * Double.pi * uniform[2 * pair + 1]
                let index = 4 * block + 2 * pair
                if index < sample.count { sample[index] = Float(radius * cos(angle)) }
                if index + 1 < sample.count { sample[index + 1] = Float(radius * sin(angle)) }
            }
        }
    }

    /// Fills 16 or more elements: draws uniforms of 24 bits, then applies Box-Muller to lanes j and j + 8 of each 16.
    /// If the count is no multiple of 16, the last 16 elements are drawn again. As in PyTorch, the angle is rounded to
    /// Float before its cosine is taken, and 2 pi is the nearest Float (`Float.pi` is rounded down).
    private static func fillTorchMany(_ sample: UnsafeMutableBufferPointer<Float>, _ generator: inout MersenneTwister) {
        let fullTurn = Float(2 * Double.pi)
        func draw(_ range: Range<Int>) {
            for index in range { sample[index] = Float(generator.next() & 0xFF_FFFF) * 0x1p-24 }
        }
        func transform(_ start: Int) {
            for index in start..<start + 8 {
                let radius = (-2 * log(Double(1 - sample[index]))).squareRoot()
                let angle = Double(fullTurn * sample[index + 8])
                sample[index] = Float(radius * cos(angle))
                sample[index + 8] = Float(radius * sin(angle))
            }
        }
        draw(0..<sample.count)
        for block in 0..<sample.count / 16 { transform(16 * block) }
        if sample.count % 16 != 0 {
            draw(sample.count - 16..<sample.count)
            transform(sample.count - 16)
        }
    }

    /// Fills fewer than 16 elements: uniforms of 53 bits, Box-Muller in Double; the sine becomes the next element.
    private static func fillTorchFew(_ sample: UnsafeMutableBufferPointer<Float>, _ generator: inout MersenneTwister) {
        func uniform() -> Double {
            let bits = UInt64(generator.next()) << 32 | UInt64(generator.next())
            return Double(bits & ((1 << 53) - 1)) * 0x1p-53
        }
        for index in stride(from: 0, to: sample.count, by: 2) {
            let angle = 2 * Double.pi * uniform()
            let radius = (-2 * log1p(-uniform())).squareRoot()
            sample[index] = Float(radius * cos(angle))
            if index + 1 < sample.count { sample[index + 1] = Float(radius * sin(angle)) }
        }
    }
}
