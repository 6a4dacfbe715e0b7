import Diagnostics
import Diffusion
import Formats

/// The noise levels that a model's file holds, `alphas_cumprod`, in the precision of the file.
struct StoredNoiseLevels {
    private static let name = "alphas_cumprod"

    private let values: [Double]
    /// The relative error of a value.
    private let rounding: Double

    /// Returns nil if the file holds none.
    init?(_ weights: any WeightSource) throws {
        guard weights.shape(of: Self.name) != nil else { return nil }
        values = try weights.floats(Self.name).map { Double($0) }
        rounding =
            switch weights.type(of: Self.name) {
            case .float16: 0x1p-11 + 1e-6
            case .bfloat16: 0x1p-8 + 1e-6
            default: 1e-6
            }
    }

    /// Returns the released model's table of which these are the values. Throws `data` if there is none.
    func released() throws -> NoiseTable {
        guard let table = NoiseTable.released(alphasCumprod: values, tolerance: rounding) else {
            throw Failure(
                .data, place: Self.name, "are neither Stable Diffusion's noise levels nor latent diffusion's",
                suggestion: "give the model's configuration with <architecture> FILE.json")
        }
        return table
    }

    /// Throws `data` if these are not the values of `table`, which the model's configuration gives. Programs that sum in single
    /// precision are off by up to 1e-5.
    func require(_ table: NoiseTable) throws {
        guard values.count == table.count else {
            throw Failure(
                .data, place: Self.name,
                "the model file has \(counted(values.count, "noise level")), and the configuration \(table.count)")
        }
        let tolerance = max(rounding, 1e-5)
        for (level, (stored, own)) in zip(values, table.alphasCumprod).enumerated()
        where !(abs(stored / own - 1) <= tolerance) {
            throw Failure(
                .data, place: Self.name,
                "level \(level) is \(Float(stored)) in the model file, and \(Float(own)) by linear_start and linear_end of the "
                    + "configuration")
        }
    }
}
