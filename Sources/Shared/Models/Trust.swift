import Diagnostics
import Formats
import LatentModels
import TensorStream

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Decides whether a model that a stream or a schedule names may be opened (docs/MODELS.md, "What is trusted").
///
/// Data never runs a command and never chooses which file is opened, except for the file that made the data, which its recorded
/// digest tells from other files.
enum Trust {
    /// Checks that the model which `origin` names may be opened.
    ///
    /// Throws `data` if it is a command, a file without a recorded digest or a file with another digest, and `noInput` if
    /// there is no such regular file. The digest is compared before anything else reads the file.
    static func check(_ name: String, by origin: Origin) throws {
        let specification = try locating("\(origin.place): \(Key.model)") { () -> ModelSpecification in
            do {
                return try ModelSpecification(name)
            } catch var failure as Failure {
                failure.status = .data
                throw failure
            }
        }
        switch specification {
        case .embedded, .gaussian, .random: break
        case .checkpoint(let path), .mixture(let path), .points(let path):
            try checkDigest(ofFile: path, name: name, against: origin)
        case .foreign:
            throw refusal(of: name, by: origin, "a command, which data cannot run")
        }
    }

    /// Checks that the file of a part which `origin` names may be opened. Throws as for a model.
    static func check(_ part: ModelPart, _ path: String, by origin: Origin) throws {
        guard let recorded = origin.metadata[part.digestKey],
            LatentModelFiles.isFolder(path) || (try? Descriptor.requireFile(path)) != nil,
            isOneModel(try? part.digest(at: path), recorded)
        else {
            throw Failure(
                .data, place: origin.place, "\(part.key) is `\(path)`, where no file of the recorded digest is",
                suggestion: "name the \(part.words) with <\(part.setting)>")
        }
    }

    private static func checkDigest(ofFile path: String, name: String, against origin: Origin) throws {
        guard let recorded = origin.metadata[Key.modelDigest] else {
            throw refusal(of: name, by: origin, "a file of which it does not record the digest")
        }
        var status = stat()
        let isFolder = LatentModelFiles.isFolder(path)
        guard isFolder || stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(
                .noInput, place: "\(origin.place): \(Key.model)", "there is no regular file \(path)",
                suggestion: suggestion)
        }
        // No fault of a folder's lists of shards is told, since data named it.
        let weightSet = origin.metadata[Key.weights].flatMap { WeightSet(rawValue: $0) }
        let digest =
            isFolder
            ? try? LatentModelFiles.digest(ofFolder: path, weightSet: weightSet) : try modelDigest(ofFile: path)
        guard isOneModel(digest, recorded) else {
            throw refusal(of: name, by: origin, "a file whose digest is not the recorded one")
        }
    }

    private static func refusal(of name: String, by origin: Origin, _ reason: String) -> Failure {
        Failure(
            .data, place: origin.place, "\(Key.model) is `\(name)`, \(reason)", suggestion: suggestion)
    }

    private static let suggestion = "if you trust it, name it with <model> or in LD3_MODEL"
}
