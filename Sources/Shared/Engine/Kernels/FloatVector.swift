// Vectors of sixteen Floats: one 512-bit register if the processor has such registers, several smaller ones otherwise.

import CProcessor

typealias FloatVector = SIMD16<Float>
typealias MutableFloatPointer = UnsafeMutablePointer<Float>
typealias FloatPointer = UnsafePointer<Float>

/// Floats of a vector. Every map's channels are padded to a multiple of it.
let lanes = 16

@inline(__always)
func load(_ pointer: UnsafePointer<Float>) -> FloatVector {
    UnsafeRawPointer(pointer).loadUnaligned(as: FloatVector.self)
}

@inline(__always)
func load(_ pointer: UnsafeMutablePointer<Float>) -> FloatVector {
    UnsafeRawPointer(pointer).loadUnaligned(as: FloatVector.self)
}

@inline(__always)
func store(_ vector: FloatVector, _ pointer: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(pointer).storeBytes(of: vector, as: FloatVector.self)
}

/// Returns sum + a b, rounded once if the processor has fused multiply-adds (without them, one rounding would cost a
/// library call for each lane).
@inline(__always)
func multiplyAdd(_ sum: FloatVector, _ a: FloatVector, _ b: FloatVector) -> FloatVector {
    processor_has_fma() != 0 ? sum.addingProduct(a, b) : sum + a * b
}

@inline(__always)
func roundUp(_ count: Int, to multiple: Int) -> Int { (count + multiple - 1) / multiple * multiple }
