// ld3-noise: writes Gaussian noise and labels as a tensor stream, each sample from its own seed.
import Commands
import Models
import Options
import Tensors

let command = Command(
    name: "ld3-noise", purpose: "Gaussian noise as a tensor stream, each sample from its own seed",
    usage: ["--seeds LIST [options] > noise", "-n N [options] | ld3-teacher ..."],
    groups: [
        OptionGroup(
            "samples",
            [
                .seeds, .count, .shard,
                .value(
                    "model", "MODEL", kind: .checked { _ = try ModelSpecification($0) }, default: "mnist32",
                    "the model whose shape the samples have"),
                .architecture, .decoder, .textEncoder, .weights, .shape,
                .value("from", "FILE", "take the noise from the rows of a .npy file instead of drawing it"),
                .choice(
                    "rng", cases: GaussianNoise.self, default: "philox",
                    "philox, or torch: what torch.randn gives on a CPU"),
                .number(
                    "move", "R", in: 0...1e6, default: "0", "move each noise within a ball of radius R, by its own seed"
                ),
            ]),
        PromptRule.options,
        OptionGroup(
            "labels",
            [
                .value(
                    "labels", "WHICH", kind: .checked { _ = try LabelRule(parsing: $0) }, default: "none",
                    "none, uniform (drawn for each seed), balanced (seed modulo classes) or a class number"),
                .integer("classes", in: 1...1 << 31, "how many classes there are, instead of the model's"),
            ]),
    ],
    examples: [
        "ld3-noise --seeds 0-99 | ld3-teacher > pairs.ld3",
        "ld3-noise -n 64 --labels balanced | ld3-sample --guidance 2 --grid digits.png",
        "ld3-noise -n 16 --model digits64 --prompt 'a red seven' > sevens.ld3",
        "ld3-noise --seeds 0-49999 --shard 3/16 --shape 3,32,32 > noise-3.ld3",
    ])

runProgram(command) { arguments in try NoiseRun(arguments).run() }
