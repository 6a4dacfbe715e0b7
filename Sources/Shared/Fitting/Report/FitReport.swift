import Diagnostics
import Diffusion
import Formats
import Solvers

extension Fit {
    /// The schedule for people: a table of its steps, and how it came about.
    package func text() throws -> String { try lines().joined(separator: "\n") + "\n" }

    private func lines() throws -> [String] {
        let measure = NoiseMeasure(schedule.process)
        var lines = [try summary(), ""]
        lines.append(" i          t    t_model" + (measure.map { $0.name.aligned(right: 11) + "       step" } ?? ""))
        for index in schedule.times.indices {
            let time = schedule.times[index]
            let columns = measure.map { measure in
                decimal(measure(time), places: 3, width: 11)
                    + (index == 0
                        ? "" : decimal(measure(time) - measure(schedule.times[index - 1]), places: 3, width: 11))
            }
            lines.append(
                String(index).aligned(right: 2) + compact(time, width: 11)
                    + compact(schedule.modelTimes[index], width: 11)
                    + (columns ?? ""))
        }
        return lines + [""] + remarks + schedule.origin
    }

    /// How the schedule came about, a sentence each.
    package var remarks: [String] {
        var lines: [String] = []
        let most = starts.first?.pairs
        let rated = starts.map { rated in
            let part = rated.pairs == most ? "" : " (\(counted(rated.pairs, "pair")))"
            return "\(rated.start.name) \(compact(rated.loss))\(part)"
        }
        if !rated.isEmpty {
            let best = startName.map { "started from \($0), rated: " } ?? "started from the best of "
            lines.append(best + rated.joined(separator: ", "))
        }
        lines.append(
            "hard validation loss\(schedule.loss.map { " (\($0))" } ?? "") \(compact(lossBefore)) -> \(compact(lossAfter))"
                + " (times \(decimal(lossAfter / lossBefore, places: 3)))")
        lines += details.filter { $0.section == .losses }.map(\.text)
        lines.append("work: \(work.forwards) network evaluations forward, \(work.pullbacks) backward")
        lines += details.filter { $0.section == .work }.map(\.text)
        return lines
    }

    /// Steps, evaluations and number of values, always together.
    package func summary() throws -> String {
        let evaluations = try schedule.evaluations()
        let coefficients = schedule.coefficients == nil ? "" : ", learned coefficients"
        return "\(schedule.solver.name): \(counted(schedule.steps, "step")), \(counted(evaluations, "evaluation")), "
            + "\(counted(schedule.times.count, "time")); method \(schedule.method)\(coefficients)"
    }

    /// The schedule's document with how it came about, for programs; ld3-sample reads it too.
    package func json() throws -> JSONValue {
        let rated: [JSONValue] = starts.filter(\.loss.isFinite).map {
            .object([
                .init("name", .string($0.start.name)), .init("loss", .number($0.loss)),
                .init("pairs", .integer($0.pairs)),
            ])
        }
        var members = try schedule.json().members ?? []
        members.append(.init("candidates", .array(rated)))
        members += details.flatMap(\.numbers).map { JSONValue.Member($0.name, .number($0.value)) }
        members += [
            .init("forwards", .integer(work.forwards)), .init("pullbacks", .integer(work.pullbacks)),
            .init("training_losses", losses(history.training)), .init("best_losses", losses(history.best)),
        ]
        return .object(members)
    }

    /// One value for each training step; the best is that of the validation pairs, from their moved noises.
    private func losses(_ course: [FitHistory.Point]) -> JSONValue { .array(course.map { .number($0.value) }) }
}
