// ld3-sample: turns noise into samples or pictures by few steps along a schedule.
import Commands
import Images
import Options

let command = Command(
    name: "ld3-sample", purpose: "solves the diffusion ODE with few steps: noise in, samples or pictures out",
    usage: ["--schedule NAME [options] < noise > samples", "--schedule NAME -o DIR < noise"],
    groups: [
        .modelGroup, .modelDetails,
        OptionGroup(
            "solution",
            [
                .schedule(default: "required"), .solver(default: "the file's, else ipndm"), .order, .variant,
                .nfe(default: "the file's"), .steps,
                .flag(
                    "log-determinant",
                    "add log |det d sample / d start| to the stream: a gradient for each element of a sample"),
            ]),
        OptionGroup(
            "output",
            [
                .value("output", short: "o", "DIR", "write a PNG file for each sample, %06d.png by seed")
                    .withoutEffectOnNumbers(),
                .value(
                    "grid", "FILE",
                    "write one PNG file with all samples, in the order of the stream; no samples, no file"
                )
                .withoutEffectOnNumbers(),
                .choice(
                    "quantize", "RULE", cases: Quantization.self, default: "round",
                    "how pixels become bytes: round (EDM) or truncate (LD3)"
                )
                .withoutEffectOnNumbers(),
                Option.flag("force", "write into a directory that is not empty").withoutEffectOnNumbers(),
                .flag("latents", "write the latents of a latent diffusion model to the stream, not pictures"),
                Option.flag("stream", "write the sample stream too if -o or --grid is given")
                    .withoutEffectOnNumbers(),
            ]),
    ],
    examples: [
        "ld3-noise --seeds 0-63 | ld3-sample --schedule five.safetensors --grid five.png",
        "ld3-noise --seeds 0-63 | ld3-sample --schedule logsnr --solver unipc --nfe 8 -o samples",
        "ld3-noise -n 10000 | ld3-sample --schedule five.safetensors | ld3-fid --reference mnist",
    ])

runProgram(command) { try SampleRun($0).run() }
