/// Returns erf(x) to 2e-7: x P(x^2) below 1 in magnitude, 1 - exp(-Q(|x|)) above.
///
/// P and Q are minimax polynomials of erf(x) / x on [0, 1] and of -log(1 - erf(x)) on [1, 4]; at 4, erf is 1 in Float.
@inline(__always)
func errorFunction(_ x: FloatVector) -> FloatVector {
    let one = FloatVector(repeating: 1), limit = FloatVector(repeating: 4)
    let isNegative = x .< FloatVector.zero
    var size = x.replacing(with: -x, where: isNegative)
    size = size.replacing(with: limit, where: size .> limit)
    let square = size * size
    var p = FloatVector(repeating: 7.889_122_94e-5)
    p = multiplyAdd(FloatVector(repeating: -8.020_842_22e-4), p, square)
    p = multiplyAdd(FloatVector(repeating: 5.189_535_67e-3), p, square)
    p = multiplyAdd(FloatVector(repeating: -2.685_444_43e-2), p, square)
    p = multiplyAdd(FloatVector(repeating: 0.112_836_003), p, square)
    p = multiplyAdd(FloatVector(repeating: -0.376_126_26), p, square)
    p = multiplyAdd(FloatVector(repeating: 1.128_379_11), p, square)
    var q = FloatVector(repeating: -2.512_904_3e-7)
    q = multiplyAdd(FloatVector(repeating: 2.531_430_07e-5), q, size)
    q = multiplyAdd(FloatVector(repeating: -4.637_849_63e-4), q, size)
    q = multiplyAdd(FloatVector(repeating: 4.282_372_54e-3), q, size)
    q = multiplyAdd(FloatVector(repeating: -2.537_353_52e-2), q, size)
    q = multiplyAdd(FloatVector(repeating: 0.108_638_972), q, size)
    q = multiplyAdd(FloatVector(repeating: 0.633_039_653), q, size)
    q = multiplyAdd(FloatVector(repeating: 1.129_661_2), q, size)
    q = multiplyAdd(FloatVector(repeating: -2.043_580_46e-4), q, size)
    let result = (one - exponential(-q)).replacing(with: p * size, where: size .< one)
    return result.replacing(with: -result, where: isNegative)
}

/// Returns the probability that a normal number is below x, (1 + erf(x / sqrt 2)) / 2.
@inline(__always)
func normalProbability(_ x: FloatVector) -> FloatVector {
    let half = FloatVector(repeating: 0.5)
    return multiplyAdd(half, half, errorFunction(x * FloatVector(repeating: 0.707_106_78)))
}

/// Returns the derivative of x normalProbability(x).
@inline(__always)
func gaussianUnitSlope(_ x: FloatVector) -> FloatVector {
    let density = FloatVector(repeating: 0.398_942_28) * exponential(FloatVector(repeating: -0.5) * x * x)
    return multiplyAdd(normalProbability(x), x, density)
}
