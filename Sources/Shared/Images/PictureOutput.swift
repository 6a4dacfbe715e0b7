import Diagnostics
import Tensors

/// The PNG files of a run: one for each sample in a folder, named by its seed, or a grid of all, or both. The folder is
/// made with the first picture, when the input has proved sound.
package final class PictureOutput {
    private let folder: String?
    private let gridFile: String?
    private let quantization: Quantization
    private var gridImages: [Image] = []
    private var seen: Set<Int64> = []

    /// Throws `cannotCreate` if the files cannot be made, or if `folder` holds files and `force` is false, and `usage` if
    /// `gridFile` has the place of a picture.
    package init(folder: String?, gridFile: String?, quantization: Quantization, force: Bool) throws {
        (self.folder, self.gridFile, self.quantization) = (folder, gridFile, quantization)
        if let folder, let gridFile, let name = gridFile.split(separator: "/").last,
            let seed = Int64(name.prefix { $0 != "." }),
            Publishing.isOneFile("\(folder)/\(Self.fileName(seed))", gridFile)
        {
            throw Failure(.usage, place: gridFile, "is where the picture of seed \(seed) goes, so no grid can be there")
        }
        if let gridFile { try Publishing.check(gridFile) }
        if let folder { try OutputFolder.check(folder, allowingFiles: force) }
    }

    /// Writes the pictures of a batch [B, 1 or 3, H, W], or of clouds [B, N, 3]. Throws `data` if a seed comes again.
    package func add(_ batch: Tensor<Float>, seeds: [Int64]) throws {
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

    /// Writes the grid, and makes the folder even for no pictures. Returns a warning if a grid was asked for and there
    /// are no pictures to write.
    package func finish() throws -> String? {
        if let folder { try OutputFolder.make(folder) }
        guard let gridFile else { return nil }
        guard !gridImages.isEmpty else { return "\(gridFile): not written, there are no samples" }
        let grid = try PictureGrid(count: gridImages.count).compose(gridImages)
        try Publishing.publish(gridFile, bytes: PNG.encode(grid))
        return nil
    }

    /// Returns the seed as six characters at least, the sign among them, with .png.
    package static func fileName(_ seed: Int64) -> String {
        let digits = String(seed.magnitude)
        let width = seed < 0 ? 5 : 6
        return (seed < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits + ".png"
    }
}
