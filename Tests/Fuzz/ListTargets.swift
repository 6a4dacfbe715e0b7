import Diagnostics
import Diffusion
import Formats
import Schedules
import Solvers

/// Damages lists as users keep them, and follows those that are accepted.
enum ListTargets {
    static func all() throws -> [Target] {
        [
            Target(
                name: "lists", weight: 20, corpus: texts.map(\.bytes) + (try arrays()), words: words.map(\.bytes),
                read: follow)
        ]
    }

    private static let processes: [NoiseProcess] = [
        .edm, .vpLinear, .vpCosine, .vpDiscrete(.stableDiffusion), .vpDiscrete(.pointCloud), .flow,
    ]

    /// Reads a list in every meaning. Throws a mishap if one that is accepted does not go from noise to data by finite times, or
    /// if its export does not read back.
    private static func follow(_ bytes: [UInt8]) throws {
        var refusal: Failure?
        var isAccepted = false
        for quantity in [nil] + TabulatedSchedule.Quantity.allCases.map(Optional.some) {
            do {
                let table = try TabulatedSchedule(bytes, path: "memory", quantity: quantity)
                for process in processes {
                    do { try follow(table, process) } catch let failure as Failure { refusal = failure; continue }
                    isAccepted = true
                }
            } catch let failure as Failure { refusal = failure }
        }
        if !isAccepted, let refusal { throw refusal }
    }

    private static func follow(_ table: TabulatedSchedule, _ process: NoiseProcess) throws {
        guard let steps = table.fixedSteps(process: process), steps < 2000 else { return }
        let schedule = try Schedule(.tabulated(table), solver: Solver(.euler), steps: steps, process: process)
        let times = schedule.times
        guard times.allSatisfy(\.isFinite), times[0] == process.start, times[steps] >= process.noiseFreeTime,
            zip(times, times.dropFirst()).allSatisfy({ $0 > $1 })
        else { throw Mishap(text: "accepted under \(process.spelling): \(times)") }
        _ = try schedule.program()
        let exported = try ScheduleExport(.table)(schedule).bytes
        let again = try TabulatedSchedule(exported, path: "memory").times(steps: steps, process: process)
        guard again == times else { throw Mishap(text: "\(times) reads back as \(again)") }
    }

    private static let texts = [
        "80, 20, 5, 1, 0.1, 0.002", "[14.6146, 3, 1, 0.1, 0]", "[[80], [20], [0.002]]", "1.0,0.65,0.43,0",
        "999, 850, 736, 24, 0", "step\tt\tt_model\tsigma\n0\t80\t80\t80\n1\t5\t5.1\t5\n2\t0.002\t0.002\t0.002\n",
        "{\"sigmas\": [80, 20, 0]}", "{\"timesteps\": [[999, 500]]}", "-2.682 0 3.53", "\u{feff}80\r\n20\r\n0.002",
        "80,0; 20,5; 5,2; 0,1", "-inf, 0, inf", "# t\n1\n0.5\n0.001\n",
        "sigmas = [80, 20, 0]\ntimesteps = [999, 500]", "sigmas:\n  - 80\n  - 2e1\n  - 0\n",
        "t,sigma,timestep\n1,14.61464,999\n0.001,0.02917,0\n",
    ]

    private static func arrays() throws -> [[UInt8]] {
        let rows = NamedTensor(name: "times", shape: [2, 3], doubles: [1, 0.5, 0.001, 1, 0.6, 0.001])
        return [try NPY.serialize(rows), Safetensors.serialize(metadata: [:], tensors: [rows])]
    }

    private static let words = [
        "sigma", "t_model", "timesteps", "\u{2212}", "\u{a0}", ";", ",", "\t", "=", ":", "\n- ", "[", "]", "]]", "nan",
        "inf", "0x",
        "1e400", "1D2",
        "0", "-0", "80", "1", "14.6146", "999", "\n", "\r", "#", "\"", "\u{feff}", "null", "0,5", "1e-300", "5e-324",
    ]
}
