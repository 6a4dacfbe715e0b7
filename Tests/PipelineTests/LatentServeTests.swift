import Formats
import Foundation
import TensorStream
import TestSupport
import Testing

/// A latent diffusion model in another process gives latents, reads prompts, and is guided.
struct LatentServeTests {
    private static let noise = "ld3-noise --model digits64 --prompt 'a red seven' --prompt 'a green 3' -n 3"
    private static let serve = "--model 'exec:ld3-teacher --serve --model digits64'"
    private static let few = "--schedule uniform --solver ipndm --nfe 2 -q"

    @Test func itIntroducesItself() throws {
        let frame = try streamFrames(try Programs.shell("ld3-teacher --serve --model digits64 </dev/null").output)[0]
        #expect(frame.metadata["ld3.latent"] == "true" && frame.metadata["ld3.reads_prompts"] == "true")
        #expect(frame.metadata["ld3.shape"] == "[4,8,8]")
    }

    /// Prompts reach the text encoder in the other process, and its latents are not called pictures.
    @Test func guidedLatentsAreThoseOfTheModel() throws {
        let negative = "\(Self.noise) --negative-prompt 'a blue one'"
        let served = try Programs.shell("\(negative) | ld3-sample \(Self.few) --guidance 3 \(Self.serve)")
        let direct = try Programs.shell("\(negative) | ld3-sample \(Self.few) --guidance 3 --latents")
        #expect(served.status == 0 && served.errors.isEmpty, "\(served.errors)")
        let frame = try streamFrames(served.output)[0]
        #expect(frame.metadata["ld3.decoded"] == "false" && frame["image"] == nil)
        #expect(try streamRows(served.output, of: "latent") == streamRows(direct.output, of: "latent"))
    }

    @Test func picturesAreRefused() throws {
        let folder = try TemporaryFolder()
        let grid = try Programs.shell(
            "\(Self.noise) | ld3-sample \(Self.few) \(Self.serve) --grid \(folder.file("grid"))")
        #expect(grid.status == 64 && grid.output.isEmpty, "\(grid.errors)")
        #expect(
            grid.errors.split(separator: "\n").count == 1 && grid.errors.contains("gives latents"), "\(grid.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("grid")))
        let distance = try Programs.shell("\(Self.noise) | ld3-sample \(Self.few) \(Self.serve) | ld3-fid")
        #expect(distance.status == 65 && distance.errors.contains("latents, not pictures"), "\(distance.errors)")
        #expect(distance.errors.contains("in another process"), "\(distance.errors)")
    }

    @Test func aNoteTellsThatSamplesAreLatents() throws {
        for (option, count) in [("", 1), ("--latents", 0)] {
            let result = try Programs.shell(
                "\(Self.noise) | ld3-sample --schedule uniform --solver ipndm --nfe 2 \(Self.serve) \(option)")
            let notes = result.errors.split(separator: "\n").filter { $0.contains("the samples are latents") }
            #expect(result.status == 0 && notes.count == count, "\(result.errors)")
        }
    }

    /// A loss on latents is the squared distance; features are those of pictures.
    @Test func aFitComparesLatents() throws {
        let pairs = "\(Self.noise) | ld3-teacher \(Self.few) \(Self.serve)"
        let fit = "ld3-fit -q --method heuristic --heuristics uniform --solver ddim --nfe 2 --format json"
        let squared = try Programs.shell("\(pairs) | \(fit) \(Self.serve) --loss l2")
        #expect(squared.status == 0, "\(squared.errors)")
        let perceptual = try Programs.shell("\(pairs) | \(fit) \(Self.serve) --loss perceptual")
        #expect(perceptual.status == 64 && perceptual.errors.contains("latents"), "\(perceptual.errors)")
        let latents = try Programs.shell(
            "\(Self.noise) | ld3-teacher \(Self.few) --model digits64 | \(fit) --loss latent-l2")
        #expect(latents.status == 0, "\(latents.errors)")
        func loss(_ result: Programs.Result) throws -> Double? {
            try JSONValue(parsing: result.text)["loss_after"]?.double
        }
        #expect(try loss(latents) == loss(squared))
        let pixels = try Programs.shell("ld3-noise -n 4 | ld3-teacher -q --nfe 4 | \(fit) --loss latent-l2")
        #expect(pixels.status == 64 && pixels.errors.contains("mnist32 makes pictures"), "\(pixels.errors)")
    }

    /// The model says that it reads none, so it is not asked.
    @Test func promptsForAModelWithoutTextAreRefused() throws {
        let model = "--model 'exec:ld3-teacher --serve --model mnist32'"
        let noise = "ld3-noise -n 1 --prompt x"
        for (command, status, words) in [
            ("\(noise) \(model)", 64, "reads no prompts"),
            ("\(noise) --shape 1,32,32 | ld3-teacher -q --nfe 2 \(model)", 65, "prompts, which the model cannot read"),
        ] {
            let result = try Programs.shell(command)
            #expect(result.status == status && result.errors.contains(words), "\(result.errors)")
            #expect(result.output.isEmpty && result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        }
    }
}
