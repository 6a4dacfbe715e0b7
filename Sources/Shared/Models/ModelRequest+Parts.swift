import Diagnostics
import Formats
import LatentModels
import TensorStream

extension ModelRequest {
    /// Returns, for each part that the user does not name, the input that records it for the model `name`: pairs go before
    /// noise, and noise before others. If there are pairs, they alone tell the text encoder, since it changes pairs.
    ///
    /// Throws `data` if the inputs that are asked record different text encoders, unless `allowsOther` is true.
    func recordedParts(of name: String, in origins: [Origin]) throws -> [ModelPart: Origin] {
        let own = origins.filter { ($0.metadata[Key.model] ?? ModelSpecification.embeddedName) == name }
        func isOf(_ kind: StreamKind, _ origin: Origin) -> Bool { origin.metadata[Key.kind] == kind.rawValue }
        let pairs = own.filter { isOf(.pairs, $0) }
        let noise = own.filter { isOf(.noise, $0) }
        let others = own.filter { !isOf(.pairs, $0) && !isOf(.noise, $0) }
        var recorded: [ModelPart: Origin] = [:]
        for part in ModelPart.allCases where parts[part] == nil {
            let asked = part == .textEncoder && !pairs.isEmpty ? pairs : pairs + noise + others
            let telling = asked.filter { $0.metadata[part.key] != nil }
            guard let first = telling.first, let path = first.metadata[part.key] else { continue }
            recorded[part] = first
            guard part == .textEncoder, !allowsOther else { continue }
            let digest = first.metadata[part.digestKey]
            for other in telling where !isOneModel(other.metadata[part.digestKey], digest) {
                throw Failure(
                    .data, place: first.place,
                    "made with the \(part.words) \(path), and \(other.place) with another one",
                    suggestion: Self.insistence)
            }
        }
        return recorded
    }

    /// Returns the files of parts that the user names, and beside them those that inputs record. Throws `data` if data
    /// name a file that they may not choose.
    func allParts(beside recorded: [ModelPart: Origin]) throws -> [ModelPart: String] {
        var parts = parts
        for part in ModelPart.allCases {
            guard let origin = recorded[part], let path = origin.metadata[part.key] else { continue }
            try Trust.check(part, path, by: origin)
            parts[part] = path
        }
        return parts
    }

    /// Throws `data` if an input was made with another text encoder than the model's. A decoder changes neither noise
    /// nor pairs, and noise that records no text encoder fits every one. A schedule may be used with other parts,
    /// which is told.
    static func checkParts(of model: Model, against origin: Origin, warn: (String) -> Void) throws {
        guard let kind = origin.metadata[Key.kind].flatMap(StreamKind.init), origin.metadata[Key.model] != nil
        else { return }
        for part in ModelPart.allCases {
            let (recorded, own) = (origin.metadata[part.digestKey], model.parts[part])
            guard !isOneModel(recorded, own?.sha256) else { continue }
            func words(_ path: String?) -> String {
                path.map { "the \(part.words) \($0)" } ?? "the model's own \(part.words)"
            }
            let (other, used) = (words(origin.metadata[part.key]), words(own?.name))
            // A model without a digest is in another process and encodes texts itself.
            let changesNoise = kind == .noise && recorded != nil && model.sha256 != nil
            if part == .textEncoder, kind == .pairs || changesNoise {
                throw Failure(
                    .data, place: origin.place, "made with \(other), not with \(used)", suggestion: insistence)
            }
            if kind == .schedule { warn("\(origin.place) was learned with \(other), not with \(used)") }
        }
    }
}
