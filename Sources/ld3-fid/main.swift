// ld3-fid measures distances between the features of generated and of reference pictures, and metrics of point clouds.
import Commands
import FeatureNetworks
import Images
import Options
import Reports

let command = Command(
    name: "ld3-fid", purpose: "measures how far samples are from a reference: Fréchet distance, KID, precision, recall",
    usage: [
        "[options] < samples", "[options] SET ...", "--merge --statistics ALL.npz PART.npz ...",
        "--chart FILE.png < table.csv",
    ],
    positional: "SET",
    groups: [
        OptionGroup(
            "comparison",
            [
                .value(
                    "reference", "WHAT",
                    "mnist or digits64 (embedded), a file of statistics, a folder of PNG files, or a file of samples, features or clouds"
                        + " [the one of the embedded features, unless only --statistics is asked for]"),
                .value(
                    "features", "NET",
                    "mnist32 or digits64 (embedded), or the file of Inception-v3's weights under pytorch-fid's names [those of the reference, else mnist32]"
                ),
                .choice(
                    "input", cases: InceptionInput.self, default: "edm",
                    "how Inception sees pictures: edm, pytorch-fid or clean-fid; the reference must be of the same"),
                .choice(
                    "quantize", "RULE", cases: Quantization.self, default: "round",
                    "how samples of a stream become bytes: round (EDM) or truncate (LD3)"),
                .flag("kid", "print the kernel inception distance too"),
                .flag("precision-recall", "print precision and recall too"),
                .integer(
                    "neighbours", "K", in: 1...1000, default: "3",
                    "neighbours that span a ball for precision and recall"),
                .integer(
                    "set-size", in: 2 ... .max, "cut the samples into sets of N and print each, their mean and spread"),
            ]),
        OptionGroup(
            "statistics",
            [
                Option.value(
                    "statistics", "FILE",
                    "save sums, mean and covariance as .npz or .safetensors, for --merge and other tools"
                ).withoutEffectOnNumbers(),
                .flag("merge", "add the given files of statistics up, whatever their order"),
                .flag("no-seeds", "the numbers by which pictures are named are no seeds and may come twice"),
            ]),
        .clouds,
        OptionGroup(
            "output",
            [
                .flag("json", "print one JSON document"),
                ReportPage.option("metrics, what was compared, plots, pictures"),
            ]
        ).withoutEffectOnNumbers(),
        .chart,
    ],
    examples: [
        "ld3-noise --seeds 10000-19999 | ld3-sample --schedule five.safetensors | ld3-fid --reference mnist",
        "ld3-fid --features pt_inception.pth --reference cifar10-32x32.npz images/",
        "ld3-fid --merge --reference mnist part0.npz part1.npz",
        "printf 'NFE,edm,*LD3\\n4,37.1,9.5\\n5,25.9,6.1\\n' | ld3-fid --chart distances.png",
    ], usesLinearAlgebra: true)

runProgram(command) { arguments in
    if arguments.isGiven("chart") {
        try ChartRun(arguments).run()
    } else if try CloudRun.isMeant(arguments) {
        try CloudRun(arguments).run()
    } else {
        try FidRun(arguments).run()
    }
}
