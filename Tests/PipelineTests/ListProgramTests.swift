import Formats
import TestSupport
import Testing

/// Lists that users bring to the programs.
@Suite struct ListProgramTests {
    private let noise = "ld3-noise -n 2 --shape 4 | ld3-sample -q --model gaussian:shape=4,std=0.5"
    private let flow = "1.0,0.6509,0.4374,0.2932,0.1893,0.1108,0.0495,0.00031,0"

    /// On a flow a list of sigmas that people paste is a list of t.
    @Test func aPastedFlowListMeansTimes() throws {
        let folder = try TemporaryFolder()
        let list = try folder.write(flow.utf8, to: "flux.txt")
        let options = "--process flow --solver euler --schedule"
        let (bare, times) = (
            try Programs.shell("\(noise) \(options) '\(list)'"),
            try Programs.shell("\(noise) \(options) 'times:\(list)'")
        )
        #expect(bare.status == 0 && times.status == 0, "\(bare.errors)")
        #expect(try streamRows(bare.output, of: "image") == streamRows(times.output, of: "image"))
        let half = try folder.write("0.5,0.3,0.1".utf8, to: "half.txt")
        let refused = try Programs.shell("\(noise) \(options) '\(half)'")
        #expect(refused.status == 64 && refused.errors.contains("starts at sigma = 0.5, the process flow at 1.0"))
    }

    /// Solvers whose coefficients are infinite at a noise level of 0 end with the data prediction there.
    @Test(arguments: [
        "dpm-solver --order 2", "dpm-solver --order 3", "deis-tab --order 3",
        "dpm-solver++ --variant no-lower-order-final",
    ])
    func aLastZeroIsFinite(solver: String) throws {
        let folder = try TemporaryFolder()
        let list = try folder.write("80.0, 3.06, 1.11, 0.37, 0.07, 0.0".utf8, to: "zero.txt")
        let result = try Programs.shell("\(noise) --solver \(solver) --schedule '\(list)'")
        #expect(result.status == 0, "\(result.errors)")
        for frame in try streamFrames(result.output) {
            #expect(try frame.tensor("image").floats().allSatisfy { abs($0) < 3 })
        }
    }

    /// A start that overflows is the solver's fault, and nothing is written.
    @Test func aStateThatOverflowsIsNotTheNetworks() throws {
        let result = try Programs.shell("\(noise) --process edm:1,1e39 --solver euler --schedule edm-time --nfe 3")
        #expect(result.status == 65 && result.errors.contains("seed 0, step 0: the solver's state"), "\(result.errors)")
        #expect(result.output.isEmpty)
    }

    /// A fit starts from a list as a solver runs along it, if it begins where the process does.
    @Test func aFitStartsFromAList() throws {
        let folder = try TemporaryFolder()
        let pairs = try Programs.shell("ld3-noise -n 4 --shape 4 | ld3-teacher -q --model gaussian:shape=4,std=0.5")
            .output
        func fit(_ list: String) throws -> Programs.Result {
            let path = try folder.write(list.utf8, to: "start.txt")
            return try Programs.run(
                "ld3-fit",
                ["--method=heuristic", "--heuristics=uniform", "--nfe=4", "--format=json", "--start", path],
                input: pairs)
        }
        let result = try fit("80.0, 4.2, 0.9, 0.25, 0.002")
        #expect(result.status == 0, "\(result.errors)")
        let schedule = try JSONValue(parsing: result.output)
        #expect(schedule["times"]?.doubles == [80, 4.2, 0.9, 0.25, 0.002], "\(result.text)")
        let refused = try fit("14.6, 4.2, 0.9, 0.002")
        #expect(
            refused.status == 64 && refused.errors.contains("start.txt: starts at sigma = 14.6"), "\(refused.errors)")
    }

    /// An export that cannot be written is refused before anything is fitted.
    @Test func exportsAreCheckedBeforeTheFit() throws {
        let pairs = try Programs.shell("ld3-noise -n 4 --shape 4 | ld3-teacher -q --model gaussian:shape=4,std=0.5")
            .output
        for (options, message) in [
            (["--export=diffusers-timesteps"], "time steps"), (["--export=comfy", "--from-sigma=100"], "--from-sigma"),
            (["--export=comfy", "--split=90"], "--split"), (["--export=kdiffusion", "--split=0.002"], "--split"),
        ] {
            let result = try Programs.run("ld3-fit", ["--method=heuristic", "--nfe=3"] + options, input: pairs)
            #expect(result.status == 64 && result.errors.contains(message), "\(result.errors)")
            #expect(!result.errors.contains("validation loss") && result.output.isEmpty)
        }
    }

    /// A saved schedule names its process, so a model cannot; an architecture goes with the model of a list.
    @Test func aModelTellsTheProcessOfAListAlone() throws {
        let folder = try TemporaryFolder()
        for (name, options) in [("s.json", "--format json"), ("s.safetensors", "")] {
            let made = try Programs.shell(
                "ld3-noise -n 4 --shape 4 | ld3-teacher -q --model gaussian:shape=4,std=0.5 "
                    + "| ld3-fit -q --method heuristic --nfe 3 \(options)")
            let schedule = try folder.write(made.output, to: name)
            let result = try Programs.run(
                "ld3-fit", ["--schedule=\(schedule)", "--export=comfy", "--model=gaussian:shape=4,std=0.5"])
            #expect(result.status == 64 && result.output.isEmpty, "\(result.errors)")
            #expect(
                result.errors.contains("--model: is for a list, and \(schedule) names its process"), "\(result.errors)")
        }
        let list = try folder.write("80, 4.2, 0.9, 0.002".utf8, to: "list.txt")
        let absent = try Programs.run(
            "ld3-fit",
            ["--schedule=\(list)", "--export=comfy", "--model=mnist32", "--architecture=\(folder.file("none.json"))"])
        #expect(absent.status == 66 && absent.errors.contains("none.json"), "\(absent.errors)")
    }

    /// A bare list is resampled and rescaled as our exports write it, and no solver is named for it.
    @Test func bareListsAreExported() throws {
        let folder = try TemporaryFolder()
        let list = try folder.write("64, 16, 4, 0".utf8, to: "list.txt")
        let arguments = ["--schedule=\(list)", "--process=edm:0.002,64", "--export=comfy"]
        let resampled = try Programs.run("ld3-fit", arguments + ["--resample=5"])
        #expect(resampled.status == 0 && resampled.text == "64.0, 32.0, 16.0, 8.0, 4.0, 0.0\n", "\(resampled.errors)")
        #expect(!resampled.errors.contains("made for"))
        let latent = try folder.write("14.61464, 2.6, 0.77, 0.25, 0".utf8, to: "latent.txt")
        let way = ["--schedule=\(latent)", "--export=diffusers-timesteps"]
        let byModel = try Programs.run("ld3-fit", way + ["--model=digits64"])
        #expect(byModel.status == 0, "\(byModel.errors)")
        #expect(try byModel.text == Programs.run("ld3-fit", way + ["--process=vp-discrete:sd"]).text)
        let useless = try Programs.run("ld3-fit", way + ["--architecture=none.json"])
        #expect(useless.status == 64 && useless.errors.contains("--architecture"), "\(useless.errors)")
        #expect(useless.errors.contains("has no use with --schedule alone"), "\(useless.errors)")
        let parts = try Programs.run("ld3-fit", arguments + ["--range=0.1,1", "--split=0.5", "--solver=euler"])
        #expect(parts.text == "1.0, 0.316227766017\n0.316227766017, 0.1, 0.0\n", "\(parts.errors)")
        #expect(parts.errors.contains("not what was learned") && parts.errors.contains("made for solver euler"))
    }
}
