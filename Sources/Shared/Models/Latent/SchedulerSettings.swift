import Diagnostics
import Diffusion
import Formats
import Networks

/// The noise levels and the prediction for which a network was trained, as the settings of a diffusers scheduler tell
/// them. How a scheduler samples is not read.
struct SchedulerSettings {
    let table: NoiseTable
    let prediction: Prediction

    /// Throws `data`, naming the setting, if the noise levels or the prediction are none that is known.
    init(_ document: JSONValue) throws {
        let settings = try ComponentSettings(document)
        try settings.require(["rescale_betas_zero_snr": .null, "use_flow_sigmas": .null])
        let name = try settings.word("prediction_type", default: "epsilon")
        guard let prediction = Self.predictions[name] else {
            throw Failure(.data, place: "prediction_type", unknown: name, choices: Self.predictions.keys.sorted())
        }
        self.prediction = prediction
        table = try Self.table(settings)
    }

    private static let predictions: [String: Prediction] = [
        "epsilon": .noise, "v_prediction": .velocity, "sample": .data,
    ]

    private static func table(_ settings: ComponentSettings) throws -> NoiseTable {
        let schedule = try settings.word("beta_schedule", default: "linear")
        guard schedule == "scaled_linear", settings.value("trained_betas") == nil else {
            let key = settings.value("trained_betas") == nil ? "beta_schedule" : "trained_betas"
            throw Failure(
                .data, place: key,
                "is `\(settings.value(key)?.text ?? "linear")`; only noise levels that are scaled_linear are read")
        }
        let (first, last) = (
            try settings.number("beta_start", default: 1e-4), try settings.number("beta_end", default: 0.02)
        )
        let count = try settings.count("num_train_timesteps", default: 1000)
        guard let table = NoiseTable(scaledLinear: first, last, count: count) else {
            throw Failure(
                .data, place: "beta_start", "\(count) noise levels from \(first) to \(last) do not rise within (0, 1)")
        }
        return table
    }
}
