import Formats

extension SafetensorsFile {
    /// The F64 tensor `name`.
    package func doubles(_ name: String) throws -> [Double] { try tensor(name).doubles() }
}
