import Checkpoints
import Diagnostics
import Diffusion
import Engine
import Foreign
import Formats
import LatentModels
import Networks
import Schedules
import Tensors

/// Opens models by their names.
package enum ModelCatalogue {
    /// Long enough for a large checkpoint to be loaded in Python.
    package static let childTimeout = 300

    /// - Parameters:
    ///   - place: the place where the name stands, for messages.
    ///   - process: the process under which the model runs; nil for the model's own, or EDM's if it has none. A network that
    ///     was trained under EDM's process can run under any process that begins with some signal.
    ///   - guidance: the weight of classifier-free guidance, 1 for none; nil for the model's own, which is none unless it
    ///     guides itself.
    ///   - architecture: a JSON file with `precond` and `init_kwargs`, for a checkpoint that does not tell its architecture.
    ///   - weightSet: the set of weights to be taken of a file that holds two, or of a folder; nil for the averages of a file
    ///     and a folder's usual ones.
    ///   - parts: the files or folders of networks of a latent diffusion model that go before the model's own.
    ///   - precision: the numbers that networks multiply.
    ///   - threads: the number of threads of the network engine; nil for one on each core.
    ///   - childTimeout: the seconds within which a model in another process must introduce itself.
    ///
    /// Throws `noInput` if there is no such model, `data` if it is corrupt, `usage` if an argument does not fit it.
    package static func open(
        _ name: String, place: String = "model", process: NoiseProcess? = nil, guidance: Double? = nil,
        architecture: String? = nil, weightSet: WeightSet? = nil, parts: [ModelPart: String] = [:],
        precision: ProductPrecision = .float32, threads: Int? = nil, childTimeout: Int = Self.childTimeout
    ) throws -> Model {
        var opened = try namingFile(name, at: place, orOneOf: ModelSpecification.spellings) {
            try open(
                ModelSpecification(name, place: place), name: name, process: process, architecture: architecture,
                weightSet: weightSet, parts: parts, engine: EngineSettings(threads: threads, precision: precision),
                childTimeout: childTimeout)
        }
        opened.architectureSHA256 = try architecture.map { try modelDigest(ofFile: $0) }
        guard opened.stepper != nil || opened.process.hasNoiseLevels else {
            throw Failure(
                .usage, place: "process", "\(opened.process.spelling) is of a sampler, and \(name) is a denoiser")
        }
        guard weightSet == nil || opened.weightSet != nil else {
            throw Failure(.usage, place: "weights", "the model \(name) has one set of weights")
        }
        guard opened.guidance == 1 || guidance == nil || guidance == opened.guidance else {
            throw Failure(
                .usage, place: "guidance", "the model \(name) guides itself already, by the weight \(opened.guidance)")
        }
        guard let guidance, guidance != opened.guidance else { return opened.model(name: name, guidance: 1) }
        guard opened.stepper == nil else {
            throw Failure(.usage, place: "guidance", "the model \(name) is a sampler, which guides itself if at all")
        }
        guard opened.canGuide else {
            throw Failure(
                .usage, place: "guidance", "the model \(name) has no classes and reads no prompts to be guided towards")
        }
        return opened.model(name: name, guidance: guidance)
    }

    private static func open(
        _ specification: ModelSpecification, name: String, process: NoiseProcess?, architecture: String?,
        weightSet: WeightSet?, parts: [ModelPart: String], engine: EngineSettings, childTimeout: Int
    ) throws -> Opened {
        let ownOrEDM = process ?? .edm
        switch specification {
        case .embedded(let model):
            let path = try ResourceLocator.standard.path(of: model.modelFile)
            return try checkpoint(
                path, process: process, architecture: nil, weightSet: nil, parts: parts, engine: engine)
        case .checkpoint(let path):
            return try checkpoint(
                path, process: process, architecture: architecture, weightSet: weightSet, parts: parts, engine: engine)
        case .random(let architecture):
            return try network(
                try NetworkModel(random: architecture, engine: engine), digest: nil, process: process, engine: engine)
        case .gaussian(let shape, let mean, let deviation):
            let denoiser = GaussianDenoiser<Float>(
                sampleShape: shape, mean: mean, deviation: deviation, process: ownOrEDM)
            return Opened(sha256: nil, process: ownOrEDM, denoiser: denoiser, batch: analyticBatch(denoiser))
        case .mixture(let path):
            let denoiser = try AnalyticModelFile(path: path).mixture(under: ownOrEDM)
            let digest = try modelDigest(ofFile: path)
            return Opened(sha256: digest, process: ownOrEDM, denoiser: denoiser, batch: analyticBatch(denoiser))
        case .points(let path):
            let denoiser = try AnalyticModelFile(path: path).points(under: ownOrEDM)
            let digest = try modelDigest(ofFile: path)
            return Opened(sha256: digest, process: ownOrEDM, denoiser: denoiser, batch: analyticBatch(denoiser))
        case .foreign(let command):
            let model = try ForeignModel.open(command: command, introducesItselfWithin: childTimeout) { spelling in
                try locating(name) { try NoiseProcess(named: spelling, known: process, in: "ld3.process") }
            }
            switch model {
            case .denoiser(let denoiser): return try foreign(denoiser, name: name, process: process)
            case .stepper(let stepper): return try foreign(stepper, process: process)
            }
        }
    }

    /// Opens a file of any container, or a folder of diffusers.
    private static func checkpoint(
        _ path: String, process: NoiseProcess?, architecture: String?, weightSet: WeightSet?,
        parts: [ModelPart: String], engine: EngineSettings
    ) throws -> Opened {
        let document = try architecture.map { try JSONValue(file: $0) }
        let inFolder = try LatentModelFiles.inFolder(
            path, architecture: document, weightSet: weightSet, parts: parts)
        if let inFolder { return try latent(inFolder, process: process, engine: engine) }
        let file = try CheckpointFile.open(path)
        let files = try LatentModelFiles(
            file, path: path, architecture: document, weightSet: weightSet ?? .averaged, parts: parts)
        if let files { return try latent(files, process: process, engine: engine) }
        if let part = parts.firstPart {
            throw Failure(.usage, place: part.setting, "is for latent diffusion models, and the model is none")
        }
        guard weightSet == nil else {
            throw Failure(.usage, place: "weights", "is for latent diffusion models; \(path) is none")
        }
        let weights = try locating(path) { try file.named(landmark: PointCloudConfiguration.landmark) }
        guard PointCloudConfiguration.describes(weights) else {
            return try network(weights, path: path, process: process, architecture: document, engine: engine)
        }
        guard architecture == nil else {
            throw Failure(
                .usage, place: "architecture", "is for networks in EDM coordinates; \(path) holds point clouds'")
        }
        guard engine.precision == .float32 else {
            throw Failure(.usage, place: "precision", "is for networks of images; \(path) holds point clouds'")
        }
        return try pointCloud(weights, path: path, process: process, engine: engine)
    }

    private static func network(
        _ weights: any WeightSource, path: String, process: NoiseProcess?, architecture: JSONValue?,
        engine: EngineSettings
    ) throws -> Opened {
        let model = try NetworkModel(weights, path: path, architecture: architecture, engine: engine)
        return try network(model, digest: try modelDigest(ofFile: path), process: process, engine: engine)
    }

    private static func network(
        _ model: NetworkModel, digest: String?, process: NoiseProcess?, engine: EngineSettings
    ) throws -> Opened {
        if let process, process.startsWithoutSignal {
            throw Failure(
                .usage, place: "process", "a network in EDM coordinates cannot start a flow, where no signal is left")
        }
        let denoiser: any Denoiser<Float> = process.map { Transported(model.denoiser, to: $0) } ?? model.denoiser
        return Opened(
            sha256: digest, process: process ?? NetworkModel.process(of: model.configuration), denoiser: denoiser,
            batch: networkBatch(denoiser), precision: engine.precision, remarks: model.remarks)
    }

    private static func pointCloud(
        _ weights: any WeightSource, path: String, process: NoiseProcess?, engine: EngineSettings
    ) throws -> Opened {
        let model = try PointCloudModel(weights, path: path, pool: engine.makePool())
        try model.check(process)
        return Opened(
            sha256: try modelDigest(ofFile: path), process: model.process, denoiser: model.denoiser,
            batch: networkBatch(model.denoiser), conditionInputs: model.conditionInputs,
            conditionEncoder: model.encoder, remarks: weights.remarks.map { "\(path) \($0)" })
    }

    private static func latent(
        _ files: LatentModelFiles, process: NoiseProcess?, engine: EngineSettings
    ) throws -> Opened {
        let model = try LatentModel(
            files, process: process, pool: engine.makePool(), precision: engine.precision)
        return Opened(
            sha256: files.digest, process: model.process, denoiser: model.denoiser, decoder: model.decoder,
            batch: networkBatch(model.denoiser),
            conditionInputs: ConditionInputs(alternatives: model.contextShapes, takesPrompts: model.readsPrompts),
            conditionEncoder: model.encoder, canGuide: model.encoder != nil,
            weightSet: files.weightSet, parts: files.parts, precision: engine.precision, remarks: files.remarks)
    }

    private static func foreign(_ denoiser: ForeignDenoiser, name: String, process: NoiseProcess?) throws -> Opened {
        let own = try denoiser.model.process.map { spelling in
            try locating(name) { try NoiseProcess(named: spelling, known: process, in: "ld3.process") }
        }
        let isShifted = own != nil && process?.unshifted == own
        if let own, let process, own != process, !isShifted {
            throw Failure(
                .usage, place: "process", "the denoiser's own process is \(own.spelling), not \(process.spelling)")
        }
        let served: any Denoiser<Float> =
            if isShifted, let process { Unshifted(denoiser, under: process) } else { denoiser }
        return Opened(
            sha256: nil, process: process ?? own ?? .edm, denoiser: served, decoder: decoder(of: denoiser.model),
            batch: networkBatch(served), conditionInputs: ConditionInputs(denoiser.model),
            canGuide: denoiser.model.canGuide, guidance: denoiser.model.guidance)
    }

    private static func foreign(_ stepper: ForeignStepper, process: NoiseProcess?) throws -> Opened {
        if let process, process != stepper.process {
            throw Failure(
                .usage, place: "process",
                "the sampler's own is \(stepper.process.spelling), not \(process.spelling)")
        }
        let denoiser = AbsentDenoiser<Float>(sampleShape: stepper.noiseShape, labelCount: stepper.model.labelCount)
        return Opened(
            sha256: nil, process: stepper.process, denoiser: denoiser, stepper: stepper,
            decoder: decoder(of: stepper.model), batch: networkBatch(denoiser),
            conditionInputs: ConditionInputs(stepper.model), guidance: stepper.model.guidance)
    }

    private static func decoder(of model: ModelFrame) -> (any Decoder<Float>)? {
        guard model.isLatent else { return nil }
        return AbsentDecoder(latentShape: model.stepper?.sampleShape ?? model.sampleShape, because: .keptByItsProcess)
    }

    /// 64 samples of 1x32x32, 21 of 3x32x32, 5 of 3x64x64.
    private static func networkBatch(_ denoiser: any Denoiser<Float>) -> Int {
        max(1, min(64, (1 << 16) / max(1, denoiser.sampleShape.reduce(1, *))))
    }

    private static func analyticBatch(_ denoiser: any Denoiser<Float>) -> Int {
        max(1, min(1024, (1 << 20) / max(1, denoiser.sampleShape.reduce(1, *))))
    }
}

extension ConditionInputs {
    /// Makes the inputs that a model in another process says it takes.
    fileprivate init(_ model: ModelFrame) {
        let shapes = model.conditionShapes
        self.init(required: shapes ?? [:], takesAny: shapes == nil, takesPrompts: model.readsPrompts ?? true)
    }
}

extension ModelFrame {
    /// Whether the model says that it reads something towards which guidance can lead.
    fileprivate var canGuide: Bool {
        labelCount > 0 || readsPrompts == true
            || (conditionShapes ?? [:]).keys.contains { $0.hasSuffix(Condition.nullSuffix) }
    }
}
