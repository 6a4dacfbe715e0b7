import Checkpoints
import Diagnostics
import Formats
import Images
import TensorStream
import Tensors

/// An opened set of samples: pictures, features, or statistics.
package enum SampleInput {
    case pictures(any PictureSource)
    /// A stream of features that were computed before.
    case features(SampleReader)
    case statistics(FeatureStatistics)

    package struct Settings: Sendable {
        package var quantization: Quantization
        package var batch: Int
        /// Whether the numbers of samples are their seeds, of which none may come twice.
        package var hasSeeds: Bool
        package var reporter: Reporter

        package init(quantization: Quantization, batch: Int, hasSeeds: Bool = true, reporter: Reporter) {
            self.quantization = quantization
            self.batch = batch
            self.hasSeeds = hasSeeds
            self.reporter = reporter
        }
    }

    /// Opens standard input (`-`), a folder of PNG files, or a file: an .npz archive of statistics or pictures, a
    /// stream of samples or features, or a safetensors file of statistics. The beginning of a file tells what it is.
    /// Throws `.noInput` if it cannot be opened, `.data` if it is something else.
    ///
    /// - Parameter channels: the number of channels of pictures that the features take, 1 or 3.
    package static func open(_ path: String, channels: Int, _ settings: Settings) throws -> SampleInput {
        if path == "-" { return try stream(.standardInput(.samples, .features), channels, settings) }
        if PictureFolder.isFolder(path) {
            let folder = try PictureFolder(path)
            if let rest = folder.rest { settings.reporter.warn("\(path): passed over: \(rest)") }
            return .pictures(FolderPictures(folder, batch: settings.batch, channels: channels))
        }
        if try NPZFile.isMeant(by: path) { return try archive(path, channels, settings) }
        if try holdsStream(path) { return try stream(.file(path, .samples, .features), channels, settings) }
        return .statistics(try FeatureStatistics(file: path))
    }

    /// Throws `.noInput` if `path` is neither standard input (`-`) nor a folder nor a file that can be opened.
    package static func checkPresence(_ path: String) throws {
        if path != "-", !PictureFolder.isFolder(path) { _ = try MappedFile(path: path) }
    }

    /// Whether samples of a stream become 8-bit levels.
    package var isQuantized: Bool {
        if case .pictures(let pictures) = self { pictures.isQuantized } else { false }
    }

    /// The programs that made the pictures read so far; nil if they are not told.
    var pipeline: String? {
        if case .pictures(let pictures) = self { pictures.pipeline } else { nil }
    }

    private static func stream(
        _ stream: StreamReader, _ channels: Int, _ settings: Settings
    ) throws -> SampleInput {
        let reader = SampleReader(
            stream, known: ["feature", "image", "target"], foreign: .drop, reporter: settings.reporter)
        _ = try reader.firstPart()
        if stream.frames.isArrayFile, let array = try reader.next()?["image"] {
            return try locating(stream.frames.place) {
                try pictures(array, prefersChannelsLast: false, channels, settings)
            }
        }
        reader.batch = settings.batch
        return stream.kind == .features
            ? .features(reader)
            : .pictures(StreamPictures(reader, quantization: settings.quantization, channels: channels))
    }

    /// Opens an .npz archive, in which pictures are `arr_0` or the only array.
    private static func archive(_ path: String, _ channels: Int, _ settings: Settings) throws -> SampleInput {
        let file = try NPZFile(path: path)
        guard let name = file.mainName, !file.names.contains("mu"), !file.names.contains("sum") else {
            return .statistics(try FeatureStatistics(file: path))
        }
        let array = try file.array(name)
        guard name == "arr_0" || array.shape.count == 4 else { return .statistics(try FeatureStatistics(file: path)) }
        let input = try locating(path) { try pictures(array, prefersChannelsLast: true, channels, settings) }
        settings.reporter.warn("\(path): has no mu and sigma; its pictures `\(name)` are taken as samples")
        return input
    }

    private static func pictures(
        _ array: NamedTensor, prefersChannelsLast: Bool, _ channels: Int, _ settings: Settings
    ) throws -> SampleInput {
        .pictures(
            try ArrayPictures(
                array, prefersChannelsLast: prefersChannelsLast, quantization: settings.quantization,
                batch: settings.batch, channels: channels))
    }

    /// Whether the file is a .npy file, or begins with a frame that says that it is a stream. Other safetensors files
    /// are statistics.
    private static func holdsStream(_ path: String) throws -> Bool {
        try FeatureStatistics.refusePickle(path)
        let file = try MappedFile(path: path)
        if file.bytes.starts(with: NPY.magic) { return true }
        return try locating(path) {
            try FileKind.refuse(
                file.bytes, wanted: "a set of samples", accepted: [.safetensors],
                hint: "sets are folders of PNG files, streams, .npy, .npz and safetensors files")
            let (header, _) = try Safetensors.firstHeader(in: file.bytes)
            let kind = header.metadata["ld3.kind"].flatMap { StreamKind(rawValue: $0) }
            return kind != nil && kind != .statistics
        }
    }
}
