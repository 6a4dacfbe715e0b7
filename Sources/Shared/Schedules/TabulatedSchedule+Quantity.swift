import Diffusion

extension TabulatedSchedule {
    /// The meaning of the numbers of a list. In a file that names several, the first of these that is there counts.
    package enum Quantity: String, Sendable, CaseIterable {
        /// The process' own t.
        case time = "times"
        /// s = sigma / alpha; on a flow t, which is sigma.
        case sigma = "sigmas"
        /// lambda, half the log-SNR.
        case logSNR = "logsnrs"
        /// The time steps of a process in discrete time or of a flow, one for the start of each step. The end of the process
        /// need not be there.
        case timestep = "timesteps"

        /// The name of one such number, in messages and tables.
        var singular: String {
            switch self {
            case .time: "t"
            case .sigma: "sigma"
            case .logSNR: "logsnr"
            case .timestep: "timestep"
            }
        }

        /// The names under which files keep such numbers.
        var names: [String] { self == .time ? [rawValue, singular] : [rawValue] }

        /// Whether a file may give this name to such numbers.
        func isNamed(_ name: String) -> Bool { NumberList.first(of: names, among: [name], name: { $0 }) != nil }

        /// The column of a table that holds model times beside times.
        static let modelTimesColumn = "t_model"
        /// The names of model times in files.
        static let modelTimesNames = [modelTimesColumn, "model_times"]

        /// Whether the numbers fall from noise to data.
        var falls: Bool { self != .logSNR }

        /// Returns the number that stands for t, or nil if the process has no such numbers.
        func value(of t: Double, _ process: NoiseProcess) -> Double? {
            guard process.hasNoiseLevels || self == .time else { return nil }
            return switch self {
            case .time: t
            case .sigma: process.listedSigma(t)
            case .logSNR: process.lambda(t)
            case .timestep: process.timestep(t)
            }
        }

        /// Returns the t of a number, or nil if the process has no such numbers.
        func time(of value: Double, _ process: NoiseProcess) -> Double? {
            guard self != .time else { return value }
            guard process.hasNoiseLevels else { return nil }
            let end = process.noiseFreeTime
            return switch self {
            case .time: value
            case .sigma: value == 0 ? end : max(process.time(listedSigma: value), end)
            case .logSNR: value == .infinity ? end : max(process.time(lambda: value), end)
            case .timestep: process.time(timestep: value)
            }
        }
    }
}
