import CProcessor

/// The type in which a layer keeps its weights. Products are in Float: what a type of two bytes holds is widened just
/// before it is used, which changes no bit.
package enum WeightPrecision: Sendable {
    case float32
    case float16
    case bfloat16
}

/// A number that weights are kept as.
protocol WeightElement {
    /// - Parameter value: a number that this type holds exactly.
    init(narrowing value: Float)
    /// - Parameter count: a multiple of 16.
    static func widen(_ source: UnsafePointer<Self>, count: Int, to target: MutableFloatPointer)
}

extension Float: WeightElement {
    init(narrowing value: Float) { self = value }

    static func widen(_ source: UnsafePointer<Float>, count: Int, to target: MutableFloatPointer) {
        for index in stride(from: 0, to: count, by: lanes) { store(load(source + index), target + index) }
    }
}

extension Float16: WeightElement {
    init(narrowing value: Float) { self.init(value) }

    static func widen(_ source: UnsafePointer<Float16>, count: Int, to target: MutableFloatPointer) {
        processor_widen_halves(source, target, count)
    }
}

/// The upper half of a Float.
struct BFloat16: WeightElement {
    let bits: UInt16

    init(narrowing value: Float) { bits = UInt16(truncatingIfNeeded: value.bitPattern >> 16) }

    /// Makes the nearest number, the even one of two that are as near.
    init(rounding value: Float) {
        let pattern = value.bitPattern
        let lastBit = pattern >> 16 & 1
        bits = UInt16(truncatingIfNeeded: (value.isNaN ? pattern | 0x40_0000 : pattern + 0x7FFF + lastBit) >> 16)
    }

    static func widen(_ source: UnsafePointer<BFloat16>, count: Int, to target: MutableFloatPointer) {
        processor_widen_upper_halves(source, target, count)
    }
}
