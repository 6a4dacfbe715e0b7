import Diagnostics
import Diffusion
import Formats
import Networks

/// The noise levels and the prediction for which a network was trained, as the settings of a diffusers scheduler tell
/// them. How a scheduler samples is not read.
struct SchedulerSettings {
    let table: NoiseTable
    let prediction: Prediction

    /// Settings that change the noise levels or the prediction, with the only values that are computed here.
    private static let fixed: KeyValuePairs<String, JSONValue> = [
        "rescale_betas_zero_snr": .null, "use_flow_sigmas": .null, "snr_shift_scale": .null, "trained_betas": .null,
        "timestep_type": "discrete", "predict_epsilon": true,
    ]
    /// The beginnings of the names of schedulers whose noise levels do not follow from betas.
    private static let others = ["FlowMatch", "EDM"]
    private static let read: Set<String> = [
        "beta_schedule", "beta_start", "beta_end", "num_train_timesteps", "prediction_type",
    ]
    /// Settings of diffusers' schedulers that choose how a program samples, or how noise is added in training.
    private static let sampling: Set<String> = [
        "algorithm_type", "clip_sample", "clip_sample_range", "corrector_order", "disable_corrector",
        "dynamic_thresholding_ratio", "eta", "euler_at_final", "final_sigmas_type", "flow_shift", "interpolation_type",
        "lambda_min_clipped", "lower_order_final", "original_inference_steps", "predict_x0", "predictor_order",
        "sample_max_value", "set_alpha_to_one", "shift_terminal", "sigma_max", "sigma_min", "skip_prk_steps",
        "solver_order", "solver_p", "solver_type", "steps_offset", "tau_func", "tensor_format", "thresholding",
        "time_shift_type",
        "timestep_scaling", "timestep_spacing", "use_beta_sigmas", "use_dynamic_shifting", "use_exponential_sigmas",
        "use_karras_sigmas", "use_lu_lambdas", "variance_type",
    ]

    /// Throws `data`, naming the setting, if the noise levels or the prediction are none that is known.
    init(_ document: JSONValue) throws {
        let settings = try ComponentSettings(document)
        if let name = document["_class_name"]?.string, Self.others.contains(where: name.hasPrefix) {
            throw Failure(.data, place: "_class_name", "`\(name)` is of noise levels that are not read here")
        }
        try settings.require(Self.fixed)
        try settings.refuseOthers(than: Self.read.union(Self.sampling).union(Self.fixed.map(\.key)))
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
        let (first, last) = (
            try settings.number("beta_start", default: 1e-4), try settings.number("beta_end", default: 0.02)
        )
        let count = try settings.count("num_train_timesteps", default: 1000)
        let table: NoiseTable? =
            switch schedule {
            case "linear":
                LinearNoiseLevels(count: count, first: first, last: last).flatMap(NoiseTable.init(linear:))
            case "scaled_linear": NoiseTable(scaledLinear: first, last, count: count)
            case "squaredcos_cap_v2": NoiseTable(cosine: count)
            default:
                throw Failure(
                    .data, place: "beta_schedule", unknown: schedule,
                    choices: ["linear", "scaled_linear", "squaredcos_cap_v2"])
            }
        guard let table else {
            throw schedule == "squaredcos_cap_v2"
                ? Failure(.data, place: "num_train_timesteps", "is \(count), and must be from 2 to 65536")
                : Failure(
                    .data, place: "beta_start",
                    "\(counted(count, "noise level")) from \(first) to \(last) do not rise within (0, 1), or leave no signal"
                )
        }
        return table
    }
}
