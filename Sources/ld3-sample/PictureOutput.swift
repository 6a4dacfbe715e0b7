import Commands
import Diagnostics
import Images
import Models
import Tensors

/// The PNG files of a run: one for each sample, named by its seed, or a grid of all, or both. The folder is made with the
/// first of them, when the input has shown itself sound.
final class PictureOutput {
    private let folder: String?
    private let gridFile: String?
    private let quantization: Quantization
    private let reporter: Reporter
    private var gridImages: [Image] = []
    private var seen: Set<Int64> = []

    /// Throws `data` where the model makes no pictures, `cannotCreate` where the folder cannot be had.
    init(_ arguments: Arguments, model: Model) throws {
        reporter = arguments.reporter
        folder = arguments.stringIfGiven("output")
        gridFile = arguments.stringIfGiven("grid")
        if let gridFile { try Publishing.check(gridFile) }
        quantization = try arguments.choice("quantize")
        try locating(folder == nil ? "--grid" : "--output") {
            _ = try quantization.drawings(Tensor(shape: [0] + model.sampleShape), seeds: [])
        }
        if let folder { try OutputFolder.check(folder, allowingFiles: arguments.flag("force")) }
    }

    /// Writes the pictures of a batch [B, 1 or 3, H, W], or of clouds [B, N, 3]. Throws `data` where a seed comes again.
    func add(_ batch: Tensor<Float>, seeds: [Int64]) throws {
        let images = try quantization.drawings(batch, seeds: seeds)
        if gridFile != nil { gridImages += images }
        guard let folder else { return }
        try OutputFolder.make(folder)
        for (image, seed) in zip(images, seeds) {
            guard seen.insert(seed).inserted else {
                throw Failure(.data, place: "standard input", "seed \(seed) comes twice, for one file name")
            }
            try Publishing.publish("\(folder)/\(Self.fileName(seed))", synchronize: false, bytes: PNG.encode(image))
        }
    }

    /// Writes the grid; of no pictures there is none, but the folder is.
    func finish() throws {
        if let folder { try OutputFolder.make(folder) }
        guard let gridFile else { return }
        guard !gridImages.isEmpty else { return reporter.warn("\(gridFile): not written, there are no samples") }
        let grid = try PictureGrid(count: gridImages.count).compose(gridImages)
        try Publishing.publish(gridFile, bytes: PNG.encode(grid))
    }

    /// %06d.png
    private static func fileName(_ seed: Int64) -> String {
        let digits = String(seed.magnitude)
        let width = seed < 0 ? 5 : 6
        return (seed < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits + ".png"
    }
}
