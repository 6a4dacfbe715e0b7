import Diffusion
import Models

// The same option has one spelling, one default and one sentence in every program.

extension Option {
    package static let model = Option.value(
        "model", "MODEL",
        "a checkpoint file, or one of \(ModelSpecification.spellings.joined(separator: ", ")) "
            + "[what the stream names, else \(ModelSpecification.embeddedName), which is embedded]")
    package static let process = Option.value(
        "process", "NAME",
        "noise process of a model that does not say: \(NoiseProcess.spellings.joined(separator: ", "))")
    package static let guidance = Option.value(
        "guidance", "W", "classifier-free guidance of a conditional model: 1 is none [1]")
    package static let allowOtherModel = Option.flag(
        "allow-other-model", "accept a model whose digest is not the stream's")
    package static let architecture = Option.value(
        "architecture", "FILE", "JSON with precond and init_kwargs for a checkpoint that does not tell them")
    package static let childTimeout = Option.value(
        "child-timeout", "SECONDS",
        "what an exec:COMMAND may take to introduce itself [\(ModelCatalogue.childTimeout)]"
    ).withoutEffectOnNumbers()
    package static let batch = Option.value(
        "batch", "N", "samples computed together; changes no number [chosen by the program]"
    ).withoutEffectOnNumbers()
    package static let threads = Option.value(
        "threads", "N", "threads; changes no number [one a core]"
    ).withoutEffectOnNumbers()
}

extension OptionGroup {
    package static let modelGroup = OptionGroup(
        "model", [.model, .process, .guidance, .architecture, .allowOtherModel, .childTimeout])
    package static let general = OptionGroup(
        "general",
        [
            .threads, .batch,
            Option.flag("progress", "show progress even where standard error is no terminal").withoutEffectOnNumbers(),
            Option.flag("quiet", short: "q", "print errors only").withoutEffectOnNumbers(),
            Option.flag("help", short: "h", "print this text").withoutEffectOnNumbers(),
            Option.flag("version", "print the version").withoutEffectOnNumbers(),
        ])
}
