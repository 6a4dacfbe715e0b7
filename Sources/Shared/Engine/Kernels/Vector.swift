// Sixteen Floats at a time: one 512-bit register where the processor has them, several smaller ones elsewhere.

import CProcessor

typealias Vector = SIMD16<Float>
typealias Pointer = UnsafeMutablePointer<Float>
typealias Source = UnsafePointer<Float>

/// Lanes of a vector; every map's channels are padded to a multiple of it.
let lanes = 16

@inline(__always)
func load(_ pointer: UnsafePointer<Float>) -> Vector {
    UnsafeRawPointer(pointer).loadUnaligned(as: Vector.self)
}

@inline(__always)
func load(_ pointer: UnsafeMutablePointer<Float>) -> Vector {
    UnsafeRawPointer(pointer).loadUnaligned(as: Vector.self)
}

@inline(__always)
func store(_ vector: Vector, _ pointer: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(pointer).storeBytes(of: vector, as: Vector.self)
}

/// sum + a b, with one rounding where the processor can (a library call a lane would be the alternative).
@inline(__always)
func multiplyAdd(_ sum: Vector, _ a: Vector, _ b: Vector) -> Vector {
    processor_has_fma() != 0 ? sum.addingProduct(a, b) : sum + a * b
}

@inline(__always)
func roundUp(_ count: Int, to multiple: Int) -> Int { (count + multiple - 1) / multiple * multiple }

/// exp(x) to 2 ulp for x in [-87, 88]; clamped outside.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2, n found by adding 1.5 * 2^23 (whose last bit is 1); exp(r) by its Taylor
/// polynomial of degree 6 in Horner form (remainder below 2e-8), then n is added to the exponent's bits.
@inline(__always)
func exponential(_ input: Vector) -> Vector {
    let low = Vector(repeating: -87), high = Vector(repeating: 88)
    var x = input.replacing(with: low, where: input .< low)
    x = x.replacing(with: high, where: x .> high)
    let magic = Vector(repeating: 12_582_912)
    let shifted = multiplyAdd(magic, x, Vector(repeating: 1.442_695_04))
    let n = shifted - magic
    var r = multiplyAdd(x, n, Vector(repeating: -0.693_359_375))
    r = multiplyAdd(r, n, Vector(repeating: 2.121_944_4e-4))
    var p = Vector(repeating: 1.0 / 720)
    p = multiplyAdd(Vector(repeating: 1.0 / 120), p, r)
    p = multiplyAdd(Vector(repeating: 1.0 / 24), p, r)
    p = multiplyAdd(Vector(repeating: 1.0 / 6), p, r)
    p = multiplyAdd(Vector(repeating: 0.5), p, r)
    p = multiplyAdd(Vector(repeating: 1), p, r)
    p = multiplyAdd(Vector(repeating: 1), p, r)
    let exponent =
        (unsafeBitCast(shifted, to: SIMD16<Int32>.self) &- unsafeBitCast(magic, to: SIMD16<Int32>.self)) &<< 23
    return unsafeBitCast(unsafeBitCast(p, to: SIMD16<Int32>.self) &+ exponent, to: Vector.self)
}

/// 1 / (1 + exp(-x))
@inline(__always)
func logistic(_ x: Vector) -> Vector {
    let one = Vector(repeating: 1)
    return one / (one + exponential(-x))
}
