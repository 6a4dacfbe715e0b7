import Tensors

/// Returns `count` numbers in [-1, 1) that depend on the seed alone.
package func testNumbers(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SplitMix(seed: seed)
    return (0..<count).map { _ in generator.signedUniform() }
}
