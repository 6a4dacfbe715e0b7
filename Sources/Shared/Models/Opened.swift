import Diffusion
import Engine
import Foreign
import LatentModels
import Schedules
import TensorStream
import Tensors

/// A model before guidance.
struct Opened {
    var sha256: String?
    var architectureSHA256: String?
    var process: NoiseProcess
    var denoiser: any Denoiser<Float>
    var stepper: ForeignStepper?
    var weightSet: WeightSet?
    var parts: [ModelPart: ModelIdentity] = [:]
    /// Nil if states are what the user wants.
    var decoder: (any Decoder<Float>)?
    var batch: Int
    var conditionInputs: ConditionInputs
    var conditionEncoder: (any ConditionEncoder)?
    var canGuide: Bool
    /// The weight with which the denoiser or the sampler guides itself; 1 for none.
    var guidance: Double
    var precision: ProductPrecision
    var remarks: [String] = []

    init(
        sha256: String?, process: NoiseProcess, denoiser: any Denoiser<Float>, stepper: ForeignStepper? = nil,
        decoder: (any Decoder<Float>)? = nil, batch: Int, conditionInputs: ConditionInputs = ConditionInputs(),
        conditionEncoder: (any ConditionEncoder)? = nil, canGuide: Bool? = nil, weightSet: WeightSet? = nil,
        guidance: Double = 1, parts: [ModelPart: ModelIdentity] = [:], precision: ProductPrecision = .float32,
        remarks: [String] = []
    ) {
        self.guidance = guidance
        self.weightSet = weightSet
        self.parts = parts
        self.sha256 = sha256
        self.process = process
        self.denoiser = denoiser
        self.stepper = stepper
        self.decoder = decoder
        self.batch = batch
        self.conditionInputs = conditionInputs
        self.conditionEncoder = conditionEncoder
        self.canGuide = canGuide ?? (denoiser.labelCount > 0)
        self.precision = precision
        self.remarks = remarks
    }

    /// Returns the model with guidance by `weight`, of which 1 adds nothing.
    func model(name: String, guidance weight: Double) -> Model {
        Model(
            identity: ModelIdentity(name: name, sha256: sha256, architectureSHA256: architectureSHA256),
            process: process, guidance: guidance * weight,
            denoiser: weight == 1 ? denoiser : Guided(denoiser, weight: weight),
            stepper: stepper,
            decoder: decoder ?? IdentityDecoder(shape: stepper?.stepper.sampleShape ?? denoiser.sampleShape),
            conditionEncoder: conditionEncoder,
            conditionInputs: conditionInputs, defaultBatch: batch, weightSet: weightSet, parts: parts,
            precision: precision,
            remarks: remarks)
    }
}
