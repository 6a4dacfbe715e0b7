import Formats

extension NamedTensor {
    /// Returns the tensor with its numbers rounded to F16 or BF16.
    package func rounded(to type: DataType) throws -> NamedTensor {
        let values = try floats()
        let bits: [UInt16] =
            type == .bfloat16
            ? values.map { UInt16(truncatingIfNeeded: ($0.bitPattern + 0x8000) >> 16) }
            : values.map { Float16($0).bitPattern }
        return NamedTensor(
            name: name, type: type, shape: shape,
            bytes: bits.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] })
    }
}
