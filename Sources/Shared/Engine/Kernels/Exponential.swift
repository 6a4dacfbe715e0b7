/// Returns exp(x) to 2 ulp for x in [-87, 88]; x is clamped to this interval.
@inline(__always)
func exponential(_ input: FloatVector) -> FloatVector {
    let low = FloatVector(repeating: -87), high = FloatVector(repeating: 88)
    let x = input.replacing(with: low, where: input .< low)
    return exponential(inRange: x.replacing(with: high, where: x .> high))
}

/// Returns exp(x) to 2 ulp for x in [-87, 88].
///
/// x = n ln 2 + r with |r| <= ln 2 / 2. Adding 1.5 * 2^23, whose last bit is 1, finds n; exp(r) is its Taylor
/// polynomial of degree 6 in Horner form (remainder below 2e-8); then n is added to the exponent's bits.
@inline(__always)
func exponential(inRange x: FloatVector) -> FloatVector {
    let magic = FloatVector(repeating: 12_582_912)
    let shifted = multiplyAdd(magic, x, FloatVector(repeating: 1.442_695_04))
    let n = shifted - magic
    var r = multiplyAdd(x, n, FloatVector(repeating: -0.693_359_375))
    r = multiplyAdd(r, n, FloatVector(repeating: 2.121_944_4e-4))
    var p = FloatVector(repeating: 1.0 / 720)
    p = multiplyAdd(FloatVector(repeating: 1.0 / 120), p, r)
    p = multiplyAdd(FloatVector(repeating: 1.0 / 24), p, r)
    p = multiplyAdd(FloatVector(repeating: 1.0 / 6), p, r)
    p = multiplyAdd(FloatVector(repeating: 0.5), p, r)
    p = multiplyAdd(FloatVector(repeating: 1), p, r)
    p = multiplyAdd(FloatVector(repeating: 1), p, r)
    let exponent =
        (unsafeBitCast(shifted, to: SIMD16<Int32>.self) &- unsafeBitCast(magic, to: SIMD16<Int32>.self)) &<< 23
    return unsafeBitCast(unsafeBitCast(p, to: SIMD16<Int32>.self) &+ exponent, to: FloatVector.self)
}

/// Returns 1 / (1 + exp(-x)).
@inline(__always)
func logistic(_ x: FloatVector) -> FloatVector {
    let one = FloatVector(repeating: 1)
    return one / (one + exponential(-x))
}
