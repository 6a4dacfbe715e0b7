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
        package var reporter: Reporter

        package init(quantization: Quantization, batch: Int, reporter: Reporter) {
            self.quantization = quantization
            self.batch = batch
            self.reporter = reporter
        }
    }

    /// Opens standard input (`-`), a folder of PNG files, or a file: an .npz archive of statistics or pictures, a
    /// stream of samples or features, or a safetensors file of statistics. The beginning of a file tells what it is.
    /// Throws `.noInput` if it cannot be opened, `.data` if it is something else.
    package static func open(_ path: String, _ settings: Settings) throws -> SampleInput {
        if path == "-" { return try stream(.standardInput(.samples, .features), settings) }
        if PictureFolder.isFolder(path) {
            return .pictures(FolderPictures(try PictureFolder(path), batch: settings.batch))
        }
        if try NPZFile.isMeant(by: path) { return try archive(path, settings) }
        if try holdsStream(path) { return try stream(.file(path, .samples, .features), settings) }
        return .statistics(try FeatureStatistics(file: path))
    }

    /// Throws `.noInput` if `path` is neither standard input (`-`) nor a folder nor a file that can be opened.
    package static func checkPresence(_ path: String) throws {
        if path != "-", !PictureFolder.isFolder(path) { _ = try MappedFile(path: path) }
    }

    /// Whether samples of a stream become 8-bit levels.
    package var isQuantized: Bool {
        if case .pictures(let pictures) = self { pictures is StreamPictures } else { false }
    }

    private static func stream(_ stream: StreamReader, _ settings: Settings) throws -> SampleInput {
        let features = SampleReader(
            stream, batch: settings.batch, known: ["feature", "image", "target"], foreign: .drop,
            reporter: settings.reporter)
        _ = try features.firstPart()
        return stream.kind == .features
            ? .features(features)
            : .pictures(StreamPictures(features, quantization: settings.quantization))
    }

    private static func archive(_ path: String, _ settings: Settings) throws -> SampleInput {
        let file = try NPZFile(path: path)
        guard file.names.contains("arr_0"), !file.names.contains("mu"), !file.names.contains("sum") else {
            return .statistics(try FeatureStatistics(file: path))
        }
        settings.reporter.warn("\(path): has no mu and sigma; its pictures `arr_0` are taken as samples")
        return .pictures(try locating(path) { try ArrayPictures(try file.array("arr_0"), batch: settings.batch) })
    }

    /// Whether the file is a .npy file, or begins with a frame that says that it is a stream. Other safetensors files
    /// are statistics.
    private static func holdsStream(_ path: String) throws -> Bool {
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
