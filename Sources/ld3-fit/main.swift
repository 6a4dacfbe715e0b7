// ld3-fit: learns the discretization of a solver from a teacher's pairs, or finds a baseline's.
import Commands

let command = Command(
    name: "ld3-fit", purpose: "learns the times of a few-step solver from a teacher's pairs",
    usage: ["[options] < pairs > schedule", "--format text [options] < pairs"],
    groups: [
        .modelGroup, .modelDetails,
        OptionGroup(
            "what is fitted",
            [
                .solver(default: "ipndm"), .order, .variant,
                .value("nfe", "LIST", default: "5", "evaluations, such as 5, 4-10 or 4,6,8: one schedule for each"),
                .value("steps", "N", "the number of steps instead"),
                .value("method", "NAME", default: "ld3", FitMethod.help),
                .value(
                    "learn", "PARTS",
                    "times, model-times, coefficients (of the solver), with commas between: fitted by Gauss-Newton"),
                .value("loss", "NAME", default: "l2", FitLoss.help),
                .flag("tied", "the network is told the solver's own times"),
                .flag("hard", "noises stay where they are: no soft teacher forcing (radius 0)"),
                .value("train", "N", "pairs to train on, the first in seed order [half of them]"),
                .value("validation", "N", "pairs to validate with, the following ones [the rest]"),
                .value("heuristics", "LIST", "the discretizations to start from [all that make sense]"),
                .value("start", "FILE", "start from this schedule if it is better than the heuristics").repeatable(),
            ]),
        OptionGroup(
            "output",
            [
                Option.value("format", "NAME", "stream, json or text [stream; text on a terminal]")
                    .withoutEffectOnNumbers(),
                Option.value("export", "NAME", FitOutput.exportHelp).withoutEffectOnNumbers(),
                Option.value(
                    "terminal", "NAME",
                    "the exported list's last value: keep, replace-zero or append-zero [as its readers expect]"
                ).withoutEffectOnNumbers(),
                Option.value("resample", "N", "export a list of N steps instead, interpolated in log sigma")
                    .withoutEffectOnNumbers(),
                Option.value("from-sigma", "S", "export the list from this noise level on").withoutEffectOnNumbers(),
                Option.flag("drop-model-times", "export without model times and coefficients of their own")
                    .withoutEffectOnNumbers(),
                Option.value("schedule", "FILE", "export this saved schedule; nothing is fitted")
                    .withoutEffectOnNumbers(),
                Option.value("plot", "FILE", "draw the schedule and the course of the losses as PNG")
                    .withoutEffectOnNumbers(),
            ]),
        .training, .gaussNewton, .baselines, .savings,
    ],
    examples: [
        "ld3-noise --seeds 0-99 | ld3-teacher | ld3-fit --solver ipndm --nfe 5 > five.safetensors",
        "ld3-fit --solver unipc --nfe 4-10 --learn times,model-times,coefficients < pairs > all.safetensors",
        "ld3-fit --schedule five.safetensors --export comfy --drop-model-times",
        "ld3-fit --method heuristic --nfe 8 --format text < pairs",
    ], usesLinearAlgebra: true)

runProgram(command) { arguments in
    if arguments.isGiven("schedule") { try ExportRun(arguments).run() } else { try FitRun(arguments).run() }
}
