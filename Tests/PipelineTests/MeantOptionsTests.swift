import Formats
import TensorStream
import TestSupport
import Testing

/// Options that contradict the input, or that mean nothing beside the others, are refused or told.
struct MeantOptionsTests {
    private static let model = "--model gaussian:shape=4,std=0.5"

    private func pairs(_ options: String = "") throws -> [UInt8] {
        let result = try Programs.shell("ld3-noise -n 4 --shape 4 | ld3-teacher -q --nfe 4 \(Self.model) \(options)")
        #expect(result.status == 0, "\(result.errors)")
        return result.output
    }

    private static let solvers = [
        ["ld3-fit", "-q", "--method=heuristic", "--nfe=2"], ["ld3-sample", "-q", "--schedule=uniform", "--nfe=2"],
    ]

    /// Targets belong to their process; another one is refused by the programs that read pairs.
    @Test(arguments: solvers) func pairsKeepTheirProcess(words: [String]) throws {
        let pairs = try pairs()
        func run(_ options: String...) throws -> Programs.Result {
            try Programs.run(words[0], words.dropFirst() + options, input: pairs)
        }
        let refused = try run("--process=vp-linear")
        #expect(
            refused.errors
                == "\(words[0]): standard input: made under the process edm, not under vp-linear; "
                + "--allow-other-model goes on all the same\n")
        #expect(refused.status == 65 && refused.output.isEmpty)
        #expect(try run("--process=vp-linear", "--allow-other-model").status == 0)
        #expect(try run("--process=edm").status == 0)
        // This is the pairs' process in other words.
        #expect(try run("--process=edm:0.002,80").status == 0)
        // A model of another name has the process of the pairs no less.
        #expect(try run("--model=gaussian:shape=4,std=0.50").status == 0)
    }

    @Test(arguments: solvers) func pairsKeepTheirGuidance(words: [String]) throws {
        var frame = try Frame(parsing: pairs())
        frame.metadata["ld3.guidance"] = "2.0"
        let result = try Programs.run(words[0], words.dropFirst() + ["--guidance=1"], input: frame.image)
        #expect(
            result.errors
                == "\(words[0]): standard input: made with the guidance 2.0, not with 1.0; "
                + "--allow-other-model goes on all the same\n")
        #expect(result.status == 65 && result.output.isEmpty)
    }

    @Test(arguments: [
        "ld3-fit --format json --export json", "ld3-fit --method gits --learn times", "ld3-fit --iterations 3",
        "ld3-fit --hard --radius 3", "ld3-fit --tied --learn model-times",
        "ld3-fit --lpips-weights x", "ld3-fit --method dmn --polish 3", "ld3-fit --compat-divisor --loss perceptual",
        "ld3-sample --schedule edm --nfe 3 --force", "ld3-sample --schedule edm --nfe 3 --quantize truncate",
        "ld3-sample --schedule edm --nfe 3 --grid x.png --force", "ld3-teacher --json",
        "ld3-teacher --describe --nfe 3",
        "ld3-teacher --serve --json", "ld3-noise -n1 --shape 3 --classes 4", "ld3-noise -n1 --shape 3 --model mnist32",
        "ld3-noise --from x --rng torch", "ld3-fid --neighbours 4", "ld3-fid --input edm",
        "ld3-fid --kid --statistics x.npz",
        "ld3-sample --schedule edm --nfe 3 --child-timeout 5 --model gaussian:shape=4 < /dev/zero",
        "ld3-teacher --architecture /etc/passwd --model gaussian:shape=4 < /dev/zero",
        "ld3-teacher --serve --architecture /etc/passwd --model random:mnist < /dev/zero",
        "ld3-noise -n 1 --shape 1,32,32 | ld3-teacher --architecture /etc/passwd",
        "ld3-noise -n 1 --shape 4 | ld3-teacher --nfe 3 --model gaussian:shape=4 | ld3-fit --child-timeout 5",
        "ld3-fit --architecture /etc/passwd --model mnist32 < /dev/zero",
    ])
    func optionsWithoutMeaningAreRefused(command: String) throws {
        let result = try Programs.shell(command)
        #expect(result.status == 64 && result.output.isEmpty && result.errors.contains(": --"), "\(result.errors)")
    }

    /// The model of ld3-noise is given an architecture as that of every other program.
    @Test func noiseTellsItsOwnOptions() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(
            Safetensors.serialize(
                metadata: [:], tensors: [NamedTensor(name: "model.map_layer0.weight", shape: [1], floats: [1])]),
            to: "bare.safetensors")
        let result = try Programs.run("ld3-noise", ["-n1", "--model", path])
        #expect(
            result.errors == "ld3-noise: \(path): does not tell its architecture; "
                + "give it with --architecture FILE.json: precond and init_kwargs as EDM names them\n")
        #expect(result.status == 65 && result.output.isEmpty)
    }

    /// Features are computed in single precision, for models that run in double precision too.
    @Test func featuresOfExactModels() throws {
        let result = try Programs.shell(
            "ld3-noise -n 2 --shape 1,32,32 | ld3-teacher -q --nfe 3 --model gaussian:shape=1,32,32,std=0.5 "
                + "| ld3-fit -q --nfe 2 --method heuristic --heuristics edm --loss perceptual --format json")
        #expect(result.status == 0, "\(result.errors)")
        #expect(try JSONValue(parsing: result.text)["loss"] == "perceptual")
    }

    /// Names from data and files reach no terminal as they are.
    @Test func whatIsToldIsPrintable() throws {
        var frame = try Frame(parsing: pairs())
        let name = "/no\nsuch\u{1b}[31m\u{202e}model"
        (frame.metadata["ld3.model"], frame.metadata["ld3.model_sha256"]) = (name, nil)
        let told = try Programs.run(
            "ld3-sample", ["--schedule=edm", "--nfe=2", "--model=gaussian:shape=4,std=0.5"], input: frame.image)
        #expect(told.errors.contains("the model /no\\u{a}such\\u{1b}[31m\\u{202e}model, not"), "\(told.errors)")
        let folder = try TemporaryFolder()
        let path = try folder.write(
            Safetensors.serialize(
                metadata: ["config": "{\"a\\u001b[2J\": \"b\\u202e\"}"],
                tensors: [NamedTensor(name: name, shape: [1], floats: [1])]),
            to: "na\nme")
        let description = try Programs.run("ld3-teacher", ["--describe", "--model", path])
        let scalars = description.text.unicodeScalars
        #expect(description.status == 0 && !scalars.contains { $0 != "\n" && $0.value < 32 || $0.value == 0x202e })
        #expect(description.text.contains("na\\u{a}me: safetensors"))
    }
}
