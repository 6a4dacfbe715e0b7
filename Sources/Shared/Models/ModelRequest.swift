import Diagnostics
import Diffusion
import Engine
import Formats
import LatentModels
import Schedules
import TensorStream

/// Decides which model a program works with: the one that the user names, else the one that its input names, else the embedded
/// one.
package struct ModelRequest: Sendable {
    /// The name of the model that the user names.
    package var name: String?
    /// The process that the user names.
    package var process: NoiseProcess?
    /// The weight of classifier-free guidance that the user gives.
    package var guidance: Double?
    /// Whether another model, process or guidance than those of the input are accepted.
    package var allowsOther: Bool
    /// A file that tells the architecture of a checkpoint.
    package var architecture: String?
    /// The set of weights that the user wants of a file or a folder with several.
    package var weightSet: WeightSet?
    /// The files or folders of networks that go before the model's own.
    package var parts: [ModelPart: String]
    /// The numbers that networks multiply.
    package var precision: ProductPrecision
    /// The number of threads; nil for one on each core.
    package var threads: Int?
    /// The seconds within which a model in another process must introduce itself; nil for the default.
    package var childTimeout: Int?

    package init(
        name: String? = nil, process: NoiseProcess? = nil, guidance: Double? = nil, allowsOther: Bool = false,
        architecture: String? = nil, weightSet: WeightSet? = nil, parts: [ModelPart: String] = [:],
        precision: ProductPrecision = .float32, threads: Int? = nil, childTimeout: Int? = nil
    ) {
        self.name = name
        self.process = process
        self.guidance = guidance
        self.allowsOther = allowsOther
        self.architecture = architecture
        self.weightSet = weightSet
        self.parts = parts
        self.precision = precision
        self.threads = threads
        self.childTimeout = childTimeout
    }

    /// Checks what can be checked before the input is read. Throws `usage` if the name is wrong or the model has no use for what
    /// else is given, `noInput` if a file that the user names does not exist.
    package func check() throws {
        try precision.require()
        if let architecture { try Descriptor.requireFile(architecture) }
        for path in parts.values { try LatentModelFiles.requireFile(path) }
        guard let name else { return }
        let specification = try ModelSpecification(name)
        try refuseUnread(by: specification, name)
        switch specification {
        case .embedded, .gaussian, .random, .foreign: break
        case .checkpoint(let path), .mixture(let path), .points(let path):
            _ = try namingFile(name, at: "model", orOneOf: ModelSpecification.spellings) {
                try LatentModelFiles.requireFile(path)
            }
        }
    }

    /// Throws `usage` if something is given or recorded that a model of this kind does not read.
    ///
    /// - Parameter recorded: the inputs that record a part.
    private func refuseUnread(
        by specification: ModelSpecification, _ name: String, recorded: [ModelPart: Origin] = [:]
    ) throws {
        func refusal(_ place: String, _ use: String) -> Failure {
            Failure(.usage, place: place, "is for \(use), and the model is \(name)")
        }
        if architecture != nil {
            guard case .checkpoint = specification else { throw refusal("architecture", "a checkpoint") }
        }
        if weightSet != nil {
            guard case .checkpoint = specification else { throw refusal("weights", "a checkpoint") }
        }
        switch specification {
        case .checkpoint, .embedded: break
        default:
            if let part = parts.firstPart ?? recorded.firstPart {
                throw refusal(part.setting, "a latent diffusion model")
            }
        }
        if precision != .float32 {
            switch specification {
            case .embedded, .checkpoint, .random: break
            default: throw refusal("precision", "networks that are computed here")
            }
        }
        if childTimeout != nil {
            guard case .foreign = specification else { throw refusal("introduction time", "an exec:COMMAND") }
        }
    }

    /// Opens the model for inputs from `origins`. If the user names none, the first origin that names one decides.
    ///
    /// Throws `data` if an input was made with a model of another digest, or pairs under another process or guidance, unless
    /// `allowsOther` is true, and if data name a model that they may not choose (`Trust`). `warn` is told the model's remarks, and if
    /// only names can be compared and they differ.
    package func open(for origins: [Origin] = [], warn: (String) -> Void) throws -> Model {
        for origin in origins { _ = try (Self.guidance(of: origin), Self.weightSet(of: origin)) }
        let origin = origins.first { $0.metadata[Key.model] != nil } ?? origins.first
        let inputName = origin?.metadata[Key.model]
        if name == nil, let origin, let inputName { try Trust.check(inputName, by: origin) }
        let isInputsModel = name == nil || name == inputName
        let chosen = name ?? inputName ?? ModelSpecification.embeddedName
        let place = name == nil ? origin.map { "\($0.place): \(Key.model)" } ?? "model" : "model"
        let recorded = try recordedParts(of: chosen, in: origins)
        let model = try asData(of: origin, recorded) {
            try refuseUnread(by: ModelSpecification(chosen, place: place), chosen, recorded: recorded)
            return try ModelCatalogue.open(
                chosen, place: place,
                process: process(of: isInputsModel ? origin : nil),
                guidance: guidance ?? origin.flatMap(Self.guidance), architecture: architecture,
                weightSet: weightSet ?? (isInputsModel ? origin.flatMap(Self.weightSet) : nil),
                parts: allParts(beside: recorded), precision: precision, threads: threads,
                childTimeout: childTimeout ?? ModelCatalogue.childTimeout)
        }
        model.remarks.forEach(warn)
        if guidance == 0 { warn("guidance 0 ignores the prompt or the class; 1 turns guidance off") }
        if !allowsOther {
            for origin in origins {
                try Self.check(model, against: origin, warn: warn)
                try Self.checkParts(of: model, against: origin, warn: warn)
                try Self.checkSettings(of: model, against: origin, warn: warn)
            }
        }
        return model
    }

    /// Runs `body`. If a setting does not fit the model and the input tells it, not the user, the failure is one of the
    /// input and names its key.
    private func asData<Result>(
        of origin: Origin?, _ recorded: [ModelPart: Origin], _ body: () throws -> Result
    ) throws -> Result {
        let isGiven = [
            "process": (Key.process, process != nil), "guidance": (Key.guidance, guidance != nil),
            "weights": (Key.weights, weightSet != nil),
        ]
        do {
            return try body()
        } catch var failure as Failure where failure.status == .usage {
            if let origin, let (key, isUsers) = failure.place.flatMap({ isGiven[$0] }), !isUsers,
                origin.metadata[key] != nil
            {
                (failure.status, failure.place) = (.data, "\(origin.place): \(key)")
            }
            for (part, origin) in recorded where failure.place == part.setting {
                (failure.status, failure.place) = (.data, "\(origin.place): \(part.key)")
            }
            throw failure
        }
    }

    /// Returns the process that the user names, else the one that the input names. Throws `data` if the input's is kept in a
    /// file.
    private func process(of origin: Origin?) throws -> NoiseProcess? {
        if let process { return process }
        return try origin.flatMap { origin in
            try origin.metadata[Key.process].map { spelling in
                try locating(origin.place) { try NoiseProcess(named: spelling, in: Key.process) }
            }
        }
    }

    private static func check(_ model: Model, against origin: Origin, warn: (String) -> Void) throws {
        guard let name = origin.metadata[Key.model] else { return }
        if let digest = origin.metadata[Key.modelDigest], let own = model.sha256 {
            guard isOneModel(digest, own) else {
                throw Failure(
                    .data, place: origin.place,
                    "made with the model \(name) of digest \(brief(digest: digest)), not with \(model.name) of digest "
                        + brief(digest: own), suggestion: remedy(for: model, origin) + insistence)
            }
            try checkArchitecture(of: model, against: origin)
        } else if name != model.name {
            warn("\(origin.place) was made with the model \(name), not with \(model.name)")
        }
    }

    /// Returns the beginning of a suggestion if the input was made with another variant of a folder's weights than the
    /// model's. The sets of a single file have one digest.
    private static func remedy(for model: Model, _ origin: Origin) -> String {
        let (recorded, own) = (origin.metadata[Key.weights], model.weightSet?.rawValue)
        let ofFiles = [WeightSet.averaged, .raw].map(\.rawValue)
        guard recorded != own, [recorded, own].contains(where: { $0.map { !ofFiles.contains($0) } ?? false }) else {
            return ""
        }
        func told(_ set: String?) -> String { set.map { "<weights> \($0)" } ?? "no <weights>" }
        return "it had \(told(recorded)), here is \(told(own)): give the same to both; "
    }

    /// Throws `data` if an input was made with another file of `architecture` than the model, or with one where the model has
    /// none. Noise that was drawn without one fits every network of its shape.
    private static func checkArchitecture(of model: Model, against origin: Origin) throws {
        let (recorded, own) = (origin.metadata[Key.architectureDigest], model.identity.architectureSHA256)
        guard recorded != own, recorded != nil || origin.metadata[Key.kind] != StreamKind.noise.rawValue else { return }
        let (words, remedy) =
            switch (recorded?.prefix(12), own?.prefix(12)) {
            case (let recorded?, let own?):
                ("with an <architecture> of digest \(recorded), not with one of digest \(own)", "give the same file")
            case (let recorded?, nil):
                ("with an <architecture> of digest \(recorded), and none is given", "give the file here too")
            case (nil, _): ("without <architecture>", "leave it out")
            }
        throw Failure(.data, place: origin.place, "made \(words)", suggestion: "\(remedy), or \(insistence)")
    }

    static let insistence = "<other model> goes on all the same"

    /// Throws `data` if pairs were made under another process or guidance than the model's. A schedule may be used with
    /// another guidance, which is told; that its process is the model's is checked where its times are read.
    private static func checkSettings(of model: Model, against origin: Origin, warn: (String) -> Void) throws {
        guard let kind = origin.metadata[Key.kind].flatMap(StreamKind.init), origin.metadata[Key.model] != nil,
            kind != .noise
        else { return }
        func refusal(_ setting: String, _ own: String) -> Failure {
            Failure(.data, place: origin.place, "made \(setting), not \(own)", suggestion: insistence)
        }
        if kind == .pairs, let spelling = origin.metadata[Key.process] {
            let recorded = try? NoiseProcess(named: spelling, known: model.process, in: Key.process)
            guard recorded == model.process else {
                throw refusal("under the process \(spelling)", "under \(model.process.spelling)")
            }
        }
        if let recorded = try weightSet(of: origin), let own = model.weightSet, recorded != own {
            if kind == .pairs {
                throw refusal("with the weights `\(recorded.rawValue)`", "with `\(own.rawValue)`")
            }
            warn(
                "\(origin.place) was learned with the weights `\(recorded.rawValue)`, not with `\(own.rawValue)`")
        }
        let recorded = try guidance(of: origin) ?? 1
        guard recorded != model.guidance else { return }
        if kind == .pairs { throw refusal("with the guidance \(recorded)", "with \(model.guidance)") }
        warn("\(origin.place) was learned with the guidance \(recorded), not with \(model.guidance)")
    }

    private static func weightSet(of origin: Origin) throws -> WeightSet? {
        try origin.metadata[Key.weights].map { word in
            guard let weightSet = WeightSet(rawValue: word) else {
                throw Failure(
                    .data, place: "\(origin.place): \(Key.weights)", "is \(word.quoted(limit: 40)), no name of weights")
            }
            return weightSet
        }
    }

    private static func guidance(of origin: Origin) throws -> Double? {
        guard let text = origin.metadata[Key.guidance] else { return nil }
        guard let weight = Double(text), weight.isFinite else {
            throw Failure(.data, place: origin.place, "\(Key.guidance) is `\(text)`, not a number")
        }
        return weight
    }
}
