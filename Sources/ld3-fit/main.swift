// ld3-fit: learns the discretization of a solver from a teacher's pairs, or finds a baseline's.
import Commands
import FitRequests
import Fitting
import Methods
import Options
import Reports

let command = Command(
    name: "ld3-fit", purpose: "learns the times of a few-step solver from a teacher's pairs",
    usage: ["[options] < pairs > schedule", "--format text [options] < pairs"],
    groups: [
        OptionGroup(
            "what is fitted",
            [
                .solver(default: "ipndm"), .order, .variant,
                .value(
                    "nfe", "LIST", kind: .checked { _ = try FitRequest.evaluations($0) }, default: "5",
                    "evaluations, such as 5, 4-10 or 4,6,8: one schedule for each"),
                .integer("steps", in: 1...1000, "the number of steps instead"),
                FitMethods.option, CoefficientSettings.learn, LossChoice.option,
                .flag("tied", "the network is told the solver's own times"),
                .flag("hard", "noises stay where they are: no soft teacher forcing (radius 0)"),
                .integer("train", in: 1...1 << 30, "pairs to train on, the first in seed order [half of them]"),
                .integer("validation", in: 1...1 << 30, "pairs to validate with, the following ones [the rest]"),
                .value(
                    "heuristics", "LIST", kind: .checked { _ = try FitRequest.heuristics($0) },
                    "the discretizations to start from [all that make sense]"),
                .value("start", "FILE", "start from this schedule if it is better than the heuristics").repeatable(),
                .gradient,
                .integer("seed", in: 0...Int.max, default: "0", "of the order of the pairs"),
            ]),
        OptionGroup(
            "output",
            [
                .choice("format", cases: FitOutput.Format.self, "stream, json or text [stream; text on a terminal]")
            ] + FitFiles.options
        ).withoutEffectOnNumbers(),
        .modelGroup, .modelDetails, .export, TimesSettings.options,
    ] + FitMethods.options + [
        LossChoice.options,
        OptionGroup(
            "work saved; changes no number", topic: "work",
            [
                .choice(
                    "activations", cases: FitRequest.Activations.self, default: "auto",
                    "keep, recompute, or auto: by the memory at hand"),
                .value(
                    "without-savings", "LIST", kind: .checked { _ = try FitRequest.savings($0) },
                    "do the work of r1, r2, r3, r4, r6 of docs/methods/ld3.md all the same"),
            ]
        ).withoutEffectOnNumbers(),
    ],
    topicAliases: [LD3.name: "training"], topicsWithoutOptions: FitMethods.withoutOptions,
    examples: [
        "ld3-noise --seeds 0-99 | ld3-teacher | ld3-fit --solver ipndm --nfe 5 > five.safetensors",
        "ld3-fit --solver unipc --nfe 4-10 --learn times,model-times,coefficients < pairs > all.safetensors",
        "ld3-fit --schedule five.safetensors --export comfy --drop-model-times",
        "ld3-fit --method heuristic --nfe 8 --format text < pairs",
    ],
    usesLinearAlgebra: true)

runProgram(command) { arguments in
    if arguments.isGiven("schedule") { try ExportRun(arguments).run() } else { try FitRun(arguments).run() }
}
