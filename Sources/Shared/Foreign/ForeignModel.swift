import Diagnostics
import Diffusion

/// A model in another process. Its model frame says which conversation it speaks (docs/STREAM.md, "Foreign denoisers" and
/// "Foreign samplers").
package enum ForeignModel {
    case denoiser(ForeignDenoiser)
    case stepper(ForeignStepper)

    /// Starts `command` under /bin/sh and waits at most `seconds` for its model frame. Throws `inputOutput`, naming the
    /// command, if it does not come or is wrong.
    ///
    /// - Parameter named: returns the process that a sampler's `ld3.process` names.
    package static func open(
        command: String, introducesItselfWithin seconds: Int, process named: (String) throws -> NoiseProcess
    ) throws -> ForeignModel {
        var conversation = try Conversation(command: command)
        let model = try conversation.introduction(within: seconds)
        conversation.name = model.stepper == nil ? "the denoiser" : "the sampler"
        guard let stepper = model.stepper else { return .denoiser(ForeignDenoiser(conversation, model: model)) }
        guard let process = try stepper.interval ?? model.process.map(named) else {
            throw Failure(.inputOutput, place: command, "a sampler that tells neither a process nor its times")
        }
        return .stepper(ForeignStepper(conversation, model: model, stepper: stepper, process: process))
    }
}
