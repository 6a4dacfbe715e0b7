import Diagnostics
import Diffusion
import Formats
import TensorStream
import Tensors

// The frames between a program and a denoiser in another process (docs/STREAM.md, "Foreign denoisers"): one `model` frame, then
// an answer to each request. Both sides of the conversation use these three values.

/// The frame in which a denoiser introduces itself.
package struct ModelFrame {
    /// The name of the noise process; nil if the denoiser does not say.
    package var process: String?
    package var sampleShape: [Int]
    package var hasPullback: Bool
    /// The number of classes; 0 for none.
    package var labelCount: Int
    /// The shape of a sample in each condition tensor that the denoiser needs, by the tensor's name; nil if it does not say
    /// which it needs.
    package var conditionShapes: [String: [Int]]?
    /// Whether a prediction is a latent, of which a decoder that is not served makes a picture.
    package var isLatent: Bool
    /// Whether the denoiser reads prompts; nil if it does not say.
    package var readsPrompts: Bool?
    /// The weight with which the denoiser guides already; 1 if it does not.
    package var guidance: Double
    /// The frame in which a sampler introduced itself; nil for a denoiser.
    package var stepper: StepperDescription?

    package var frame: Frame {
        var metadata = [
            "ld3.format": "1", "ld3.kind": "model",
            "ld3.shape": JSONValue.array(sampleShape.map { .integer($0) }).text,
            "ld3.pullback": hasPullback ? "true" : "false",
        ]
        metadata["ld3.process"] = process
        if labelCount > 0 { metadata["ld3.labels"] = String(labelCount) }
        if isLatent { metadata["ld3.latent"] = "true" }
        if guidance != 1 { metadata[Key.guidance] = "\(guidance)" }
        metadata["ld3.reads_prompts"] = readsPrompts.map { "\($0)" }
        if let conditionShapes {
            metadata["ld3.conditions"] =
                JSONValue.object(
                    conditionShapes.sorted { $0.key < $1.key }.map { name, shape in
                        .init(name, .array(shape.map { .integer($0) }))
                    }
                ).text
        }
        return Frame(metadata: metadata)
    }

    package init(
        process: String?, sampleShape: [Int], hasPullback: Bool, labelCount: Int,
        conditionShapes: [String: [Int]]? = nil, isLatent: Bool = false, readsPrompts: Bool? = nil,
        guidance: Double = 1
    ) {
        self.process = process
        self.sampleShape = sampleShape
        self.hasPullback = hasPullback
        self.labelCount = labelCount
        self.conditionShapes = conditionShapes
        self.isLatent = isLatent
        self.readsPrompts = readsPrompts
        self.guidance = guidance
    }

    package init(_ frame: Frame) throws {
        try requireKind("model", of: frame)
        let text = frame.metadata["ld3.shape"] ?? ""
        guard let shape = try? JSONValue(parsing: text).integers, isSampleShape(shape) else {
            throw Failure(.inputOutput, "ld3.shape of the model frame is `\(text)`, not a list of positive sizes")
        }
        let stepper = try StepperDescription(frame, noiseShape: shape)
        guard let pullback = try Self.flag("ld3.pullback", frame) ?? (stepper == nil ? nil : false) else {
            throw Failure(.inputOutput, "ld3.pullback of the model frame is missing")
        }
        guard let labels = Int(frame.metadata["ld3.labels"] ?? "0"), (0...1 << 31).contains(labels) else {
            throw Failure(.inputOutput, "ld3.labels of the model frame is not a number of classes")
        }
        guard let guidance = Double(frame.metadata[Key.guidance] ?? "1"), guidance.isFinite else {
            throw Failure(.inputOutput, "\(Key.guidance) of the model frame is no number")
        }
        self.init(
            process: frame.metadata["ld3.process"], sampleShape: shape, hasPullback: pullback, labelCount: labels,
            conditionShapes: try Self.conditionShapes(frame.metadata["ld3.conditions"]),
            isLatent: try Self.flag("ld3.latent", frame) ?? false,
            readsPrompts: try Self.flag("ld3.reads_prompts", frame), guidance: guidance)
        self.stepper = stepper
    }

    private static func flag(_ key: String, _ frame: Frame) throws -> Bool? {
        try frame.metadata[key].map { text in
            guard let flag = Bool(text) else {
                throw Failure(.inputOutput, "\(key) of the model frame is `\(text)`, neither true nor false")
            }
            return flag
        }
    }

    private static func conditionShapes(_ text: String?) throws -> [String: [Int]]? {
        try text.map { text in
            let members = (try? JSONValue(parsing: text))?.members ?? [.init("", .null)]
            return Dictionary(
                uniqueKeysWithValues: try members.map { member in
                    guard isConditionTensor(member.name), let shape = member.value.integers, isSampleShape(shape) else {
                        throw Failure(
                            .inputOutput,
                            "ld3.conditions of the model frame is `\(text)`, not an object of condition tensors and their shapes"
                        )
                    }
                    return (member.name, shape)
                })
        }
    }
}

/// A request: x [B, shape], t [B], perhaps the condition (label [B], prompt [B], condition [B, ...]) and a
/// cotangent [B, shape].
struct DenoiseRequest {
    var x: Tensor<Float>
    var times: [Double]
    var condition: Condition
    var cotangent: Tensor<Float>?

    var frame: Frame {
        var tensors = [
            NamedTensor(name: "x", tensor: x), NamedTensor(name: "t", shape: [times.count], doubles: times),
        ]
        tensors += condition.namedTensors
        if let cotangent { tensors.append(NamedTensor(name: "cotangent", tensor: cotangent)) }
        let metadata = ["ld3.format": "1", "ld3.kind": "denoise"]
        return Frame(metadata: metadata.merging(condition.metadata) { own, _ in own }, tensors: tensors)
    }

    init(x: Tensor<Float>, times: [Double], condition: Condition, cotangent: Tensor<Float>? = nil) {
        (self.x, self.times, self.condition, self.cotangent) = (x, times, condition, cotangent)
    }

    /// Reads a request. Throws `data` if a shape or a class is not one of the model that is to answer.
    init(_ frame: Frame, sampleShape: [Int], labelCount: Int) throws {
        try requireKind("denoise", of: frame, status: .data)
        let batch = frame["x"]?.shape.first ?? 0
        x = try frame.tensor("x", shape: [batch] + sampleShape, status: .data)
        times = try frame.tensor("t", shape: [batch], status: .data).elements
        let classes = try frame["label"].map { label in
            guard label.shape == [batch] else {
                throw Failure(.data, "`label` has shape \(label.shape), not \([batch])")
            }
            let classes = try label.int64s().map { Int($0) }
            if let wrong = classes.first(where: { $0 < -1 || $0 >= labelCount }) {
                throw Failure(.data, "label \(wrong) is not -1 or a class of the model, which has \(labelCount)")
            }
            return classes
        }
        condition = try Condition(
            classes: classes, tensors: frame.tensors, prompts: frame.metadata[Key.prompts].map(Key.promptList),
            count: batch)
        cotangent =
            frame["cotangent"] == nil ? nil : try frame.tensor("cotangent", shape: x.shape, status: .data)
    }
}

/// An answer: denoised [B, shape], and if the request had a cotangent, x_cotangent [B, shape] and t_cotangent [B].
struct DenoiseAnswer {
    var denoised: Tensor<Float>
    var cotangents: Cotangents<Float>?

    var frame: Frame {
        var tensors = [NamedTensor(name: "denoised", tensor: denoised)]
        if let cotangents {
            tensors.append(NamedTensor(name: "x_cotangent", tensor: cotangents.x))
            let times = cotangents.times
            tensors.append(NamedTensor(name: "t_cotangent", shape: [times.count], doubles: times))
        }
        return Frame(metadata: ["ld3.format": "1", "ld3.kind": "denoised"], tensors: tensors)
    }

    init(denoised: Tensor<Float>, cotangents: Cotangents<Float>?) {
        (self.denoised, self.cotangents) = (denoised, cotangents)
    }

    /// Reads an answer. Throws `inputOutput` if it does not fit the request.
    init(_ frame: Frame, to request: DenoiseRequest) throws {
        try requireKind("denoised", of: frame)
        denoised = try frame.tensor("denoised", shape: request.x.shape, status: .inputOutput)
        guard request.cotangent != nil else { return }
        cotangents = Cotangents(
            x: try frame.tensor("x_cotangent", shape: request.x.shape, status: .inputOutput),
            times: try frame.tensor("t_cotangent", shape: [request.times.count], status: .inputOutput).elements)
    }
}

func requireKind(_ kind: String, of frame: Frame, status: ExitStatus = .inputOutput) throws {
    let actual = frame.metadata["ld3.kind"] ?? "none"
    guard actual == kind else { throw Failure(status, "a frame of kind \(actual) where \(kind) was due") }
    let format = frame.metadata["ld3.format"] ?? "1"
    guard format == "1" else { throw Failure(status, "stream format \(format) where 1 was due") }
}

extension Frame {
    /// Returns the float tensor `name`. Fails with `status` if it is missing or has not the shape `shape`.
    func tensor<Element: TensorElement>(
        _ name: String, shape: [Int], status: ExitStatus
    ) throws -> Tensor<Element> {
        guard let tensor = self[name] else { throw Failure(status, "the frame has no tensor `\(name)`") }
        guard tensor.shape == shape, tensor.type.isFloat else {
            throw Failure(
                status, "`\(name)` is \(tensor.type.rawValue) \(tensor.shape), where a float \(shape) was due")
        }
        return try tensor.tensor()
    }
}
