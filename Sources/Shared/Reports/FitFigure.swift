import Diagnostics
import Diffusion
import Fitting
import Images
import Plots
import Solvers

extension Fit {
    /// Two plots: the measure of noise over the steps against the heuristics, and the losses over the training steps.
    package var figure: Figure {
        var panels = [levels]
        if !history.training.isEmpty { panels.append(course) }
        return Figure(
            title: "\(schedule.solver.name), \(counted(schedule.steps, "step")), \(schedule.method)", panels: panels)
    }

    private var levels: Panel {
        let measure = NoiseMeasure(schedule.process)
        func points(_ times: [Double]) -> [Point] {
            times.enumerated().map { index, time in
                Point(
                    Double(index) / Double(times.count - 1) * Double(schedule.steps),
                    measure.map { $0(time) } ?? time)
            }
        }
        let isDecoupled = schedule.modelTimes != schedule.times
        var series = starts.prefix(5).map {
            Series($0.start.name, points($0.start.times), style: .dashed)
        }
        if isDecoupled { series.append(Series("model times", points(schedule.modelTimes), style: .lineAndDots)) }
        series.append(Series("found", points(schedule.times), style: .lineAndDots, isEmphasized: true))
        return Panel(title: "discretization", horizontal: "step", vertical: measure?.name ?? "t", series: series)
    }

    private var course: Panel {
        func points(_ course: [FitHistory.Point]) -> [Point] { course.map { Point(Double($0.step), $0.value) } }
        // A score between distributions may be negative.
        return Panel(
            title: history.measure.rawValue, horizontal: "training step",
            vertical: history.measure == .loss ? schedule.loss ?? "loss" : history.measure.rawValue,
            verticalScale: history.measure == .loss ? .logarithmic : .linear,
            series: [
                Series("training", points(history.training)), Series("validation", points(history.validation)),
                Series("best", points(history.best), isEmphasized: true),
            ])
    }
}
