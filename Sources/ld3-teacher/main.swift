import Commands
import Diagnostics
import Models
import Options

let command = Command(
    name: "ld3-teacher", purpose: "solves the diffusion ODE finely: noise in, pairs of noise and target out",
    usage: ["[options] < noise > pairs", "--serve [--model MODEL]", "--describe [--json] [--model MODEL]"],
    groups: [
        .modelGroup, .modelDetails,
        OptionGroup(
            "solution",
            [
                .schedule(default: "logsnr; uniform on a flow"), .solver(default: "unipc"), .order, .variant,
                .nfe(default: "20"), .steps,
            ]),
        OptionGroup(
            "serving",
            [.flag("serve", "offer the model to another program: answer denoise frames on standard input")]),
        OptionGroup(
            "description",
            [
                .flag("describe", "print what the model's file holds: architecture, process, tensors"),
                .flag("json", "print the description as JSON"),
            ]),
    ],
    examples: [
        "ld3-noise --seeds 0-99 | ld3-teacher > pairs.ld3",
        "ld3-noise --seeds 0-99 | ld3-teacher --solver ipndm --nfe 60 --schedule edm > pairs.ld3",
        "ld3-teacher --serve --model gaussian:shape=8,std=0.5",
        "ld3-teacher --describe --model edm-cifar10-32x32-uncond-vp.pkl",
    ])

runProgram(command) { arguments in
    if arguments.flag("describe") {
        try describe(arguments)
    } else if arguments.flag("serve") {
        try serve(arguments)
    } else {
        try TeacherRun(arguments).run()
    }
}

/// Prints what the model's file holds.
func describe(_ arguments: Arguments) throws {
    try arguments.refuse(
        SolveRun.options
            + ["serve", "guidance", "precision", "process", "weights", "allow-other-model", "child-timeout"],
        "has no meaning with --describe")
    let name = arguments.modelName ?? ModelSpecification.embeddedName
    let description = try ModelCatalogue.describe(
        name, architecture: arguments.stringIfGiven("architecture"), parts: arguments.modelParts)
    let text = arguments.flag("json") ? description.json.indentedText : description.text
    try Descriptor.write(Descriptor.standardOutput, text)
}

/// Answers `denoise` frames until the end of input.
func serve(_ arguments: Arguments) throws {
    try arguments.refuse(SolveRun.options + ["json", "allow-other-model"], "has no meaning with --serve")
    guard !Descriptor.isTerminal(Descriptor.standardOutput), !Descriptor.isTerminal(Descriptor.standardInput) else {
        throw Failure(.usage, place: "--serve", "speaks in frames over pipes, not with a terminal")
    }
    let model = try arguments.modelRequest().open { arguments.reporter.warn($0) }
    guard model.stepper == nil else {
        throw Failure(.usage, place: "--serve", "offers a denoiser, and \(model.name) is a sampler")
    }
    try model.server.run(input: Descriptor.standardInput, output: Descriptor.standardOutput)
}
