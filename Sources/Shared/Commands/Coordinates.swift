import Diagnostics

/// The options by which programs set what libraries name: a library says "evaluations", a user says --nfe. No coordinate
/// begins another one.
private let optionOfCoordinate = [
    "evaluations": "--nfe", "steps": "--steps", "schedule": "--schedule", "solver": "--solver", "order": "--order",
    "variant": "--variant", "model": "--model", "process": "--process", "guidance": "--guidance",
    "architecture": "--architecture", "other model": "--allow-other-model", "introduction time": "--child-timeout",
    "export": "--export", "resampled steps": "--resample", "first sigma": "--from-sigma", "method": "--method",
    "features": "--features", "description": "--describe", "force": "--force", "noise file": "--from",
    "dropped model times": "--drop-model-times", "tied times": "--tied", "mode": "--mode",
    "no seeds": "--no-seeds",
]

extension Failure {
    /// Returns this failure with coordinates in the words of the command line: a place that begins with a coordinate
    /// ("evaluations", "schedule unifrom"), and every `<coordinate>` of the message and the suggestion.
    package func spellingOptions() -> Failure {
        var failure = self
        for (coordinate, option) in optionOfCoordinate {
            if let place, place == coordinate || ["\(coordinate) ", "\(coordinate): "].contains(where: place.hasPrefix)
            {
                failure.place = option + place.dropFirst(coordinate.count)
            }
            failure.message = failure.message.replacing("<\(coordinate)>", with: option)
            failure.suggestion = failure.suggestion?.replacing("<\(coordinate)>", with: option)
        }
        return failure
    }
}
