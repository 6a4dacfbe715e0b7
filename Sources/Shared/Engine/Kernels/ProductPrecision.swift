import CProcessor
import Diagnostics

/// The numbers that convolutions, linear layers and attention multiply. All sums, and everything else, are in Float.
package enum ProductPrecision: String, Sendable, CaseIterable {
    case float32
    /// Factors are rounded to bfloat16, which has 8 bits of mantissa.
    case bf16

    /// Throws `usage` if this processor, or this build, cannot multiply such numbers.
    package func require() throws {
        guard self == .float32 || Self.hasTiles else {
            throw Failure(
                .usage, place: "precision",
                "\(rawValue) needs a processor with AMX tiles for bfloat16, Linux, and programs built on it",
                suggestion: "float32 runs everywhere")
        }
    }

    /// Whether the processor multiplies bfloat16 numbers. The system gives its tiles to a process that asks once.
    package static let hasTiles = processor_enable_tiles() != 0

    /// Whether a layer with this many pixels multiplies on tiles. With fewer, most of a tile's 16 rows would be empty;
    /// such a layer stays in Float.
    func usesTiles(pixels: Int) -> Bool { self != .float32 && pixels >= 16 }
}
