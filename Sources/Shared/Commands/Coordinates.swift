import Diagnostics

/// The options by which programs set what libraries name: a library says "evaluations", a user says --nfe. No coordinate
/// begins another one.
private let optionOfCoordinate = [
    "evaluations": "--nfe", "steps": "--steps", "schedule": "--schedule", "solver": "--solver", "order": "--order",
    "variant": "--variant", "model": "--model", "process": "--process", "guidance": "--guidance",
    "architecture": "--architecture", "decoder file": "--decoder", "text encoder file": "--text-encoder",
    "weights": "--weights", "precision": "--precision", "other model": "--allow-other-model",
    "introduction time": "--child-timeout",
    "export": "--export", "resampled steps": "--resample", "first sigma": "--from-sigma", "sigma range": "--range",
    "cut sigma": "--split", "method": "--method",
    "features": "--features", "description": "--describe", "force": "--force", "noise file": "--from",
    "dropped model times": "--drop-model-times", "tied times": "--tied", "mode": "--mode",
    "no seeds": "--no-seeds",
]

extension Failure {
    /// Returns this failure with coordinates in the words of a program's command line: a place that begins with a coordinate
    /// ("evaluations", "schedule unifrom"), and every `<coordinate>` of the message and the suggestion. A coordinate for
    /// which the program has no option stays a plain word, and a suggestion that needs it is left out. `<ld3-noise:model>` in
    /// a suggestion is an option of another program.
    package func spellingOptions(of command: Command) -> Failure {
        var failure = self
        failure.suggestion = suggestion?.replacing(/<(ld3-[a-z]+):([a-z ]+)>/) { match in
            let coordinate = String(match.2)
            return "\(match.1) \(optionOfCoordinate[coordinate] ?? coordinate)"
        }
        for (coordinate, option) in optionOfCoordinate {
            let isKnown = command.options.contains { "--\($0.name)" == option }
            let words = isKnown ? option : coordinate
            if let place, place == coordinate || ["\(coordinate) ", "\(coordinate): "].contains(where: place.hasPrefix)
            {
                failure.place = words + place.dropFirst(coordinate.count)
            }
            failure.message = failure.message.replacing("<\(coordinate)>", with: words)
            guard let suggestion = failure.suggestion, suggestion.contains("<\(coordinate)>") else { continue }
            failure.suggestion = isKnown ? suggestion.replacing("<\(coordinate)>", with: option) : nil
        }
        return failure
    }
}
