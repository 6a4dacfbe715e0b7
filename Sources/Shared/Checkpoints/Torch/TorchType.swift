import Formats

/// PyTorch's names for element types, as globals: `torch.float32`, `torch.FloatStorage`.
enum TorchType {
    private static let names: [String: DataType] = [
        "float64": .float64, "double": .float64, "float32": .float32, "float": .float32, "float16": .float16,
        "half": .float16, "bfloat16": .bfloat16, "int64": .int64, "long": .int64, "int32": .int32, "int": .int32,
        "int16": .int16, "short": .int16, "int8": .int8, "uint8": .uint8, "uint16": .uint16, "uint32": .uint32,
        "uint64": .uint64, "bool": .bool,
    ]

    private static let storages: [String: DataType] = [
        "DoubleStorage": .float64, "FloatStorage": .float32, "HalfStorage": .float16, "BFloat16Storage": .bfloat16,
        "LongStorage": .int64, "IntStorage": .int32, "ShortStorage": .int16, "CharStorage": .int8,
        "ByteStorage": .uint8, "BoolStorage": .bool,
    ]

    /// Returns the type of `torch.NAME`; nil if the name is no type that is read.
    static func named(_ name: String) -> DataType? { names[name] }

    /// Returns the element type of a storage class; nil if it is not read.
    static func storage(_ name: String) -> DataType? { storages[name] }

    /// Returns the storage class of an element type; nil if PyTorch keeps the type in untyped storages only.
    static func storageName(of type: DataType) -> String? { storages.first { $0.value == type }?.key }
}
