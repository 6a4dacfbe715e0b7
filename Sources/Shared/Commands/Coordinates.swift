import Diagnostics

/// The options by which programs set what libraries name: a library says "evaluations", a user says --nfe.
private let optionOfCoordinate = [
    "evaluations": "--nfe", "steps": "--steps", "schedule": "--schedule", "solver": "--solver", "order": "--order",
    "variant": "--variant", "model": "--model", "process": "--process", "guidance": "--guidance",
    "architecture": "--architecture", "other model": "--allow-other-model", "introduction time": "--child-timeout",
    "export": "--export", "resampled steps": "--resample", "first sigma": "--from-sigma", "method": "--method",
    "features": "--features", "description": "--describe", "force": "--force", "noise file": "--from",
    "dropped model times": "--drop-model-times", "tied times": "--tied",
]

extension Failure {
    /// Returns this failure with coordinates in the words of the command line: a place that begins with a coordinate
    /// ("evaluations", "schedule unifrom"), and every `<coordinate>` of the message and the suggestion.
    package func spellingOptions() -> Failure {
        var failure = self
        // Other failures are placed in files, which may have any name.
        if status == .usage || status == .noInput, let place {
            let coordinate = optionOfCoordinate.keys.first {
                place == $0 || place.hasPrefix("\($0) ") || place.hasPrefix("\($0): ")
            }
            if let coordinate, let option = optionOfCoordinate[coordinate] {
                failure.place = option + place.dropFirst(coordinate.count)
            }
        }
        for (coordinate, option) in optionOfCoordinate {
            failure.message = failure.message.replacing("<\(coordinate)>", with: option)
            failure.suggestion = failure.suggestion?.replacing("<\(coordinate)>", with: option)
        }
        return failure
    }
}
