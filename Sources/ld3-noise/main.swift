// ld3-noise: writes Gaussian noise and labels as a tensor stream, each sample from its own seed.
import Commands
import Diagnostics

let command = Command(
    name: "ld3-noise", purpose: "Gaussian noise as a tensor stream, each sample from its own seed",
    usage: ["--seeds LIST [options] > noise", "-n N [options] | ld3-teacher ..."],
    groups: [
        OptionGroup(
            "samples",
            [
                .value("seeds", "LIST", "seeds and ranges of them, such as 0-49999,60000"),
                .value("count", short: "n", "N", "the same as --seeds 0-(N-1)"),
                Option.value("shard", "I/N", "part I of N equal parts of the seeds, I from 0").withoutEffectOnNumbers(),
                .value("model", "MODEL", default: "mnist32", "the model whose shape the samples have"),
                .value("shape", "C,H,W", "the shape of a sample, of any rank, instead of a model's"),
                .value("from", "FILE", "take the noise from the rows of a .npy file instead of drawing it"),
                .value("rng", "NAME", default: "philox", "philox, or torch: what torch.randn gives on a CPU"),
                .value("move", "R", default: "0", "move each noise within a ball of radius R, by its own seed"),
            ]),
        OptionGroup(
            "labels",
            [
                .value(
                    "labels", "WHICH", default: "none",
                    "none, uniform (drawn for each seed), balanced (seed modulo classes) or a class number"),
                .value("classes", "N", "how many classes there are, instead of the model's"),
            ]),
    ],
    examples: [
        "ld3-noise --seeds 0-99 | ld3-teacher > pairs.ld3",
        "ld3-noise -n 64 --labels balanced | ld3-sample --guidance 2 --grid digits.png",
        "ld3-noise --seeds 0-49999 --shard 3/16 --shape 3,32,32 > noise-3.ld3",
    ])

runProgram(command) { arguments in try NoiseRun(arguments).run() }
