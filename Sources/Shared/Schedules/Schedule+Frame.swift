import Diagnostics
import Diffusion
import Formats
import Solvers
import TensorStream

extension Schedule {
    package static let kind = "schedule"

    /// The keys that tell the schedule itself, and those of its place in a stream.
    static let ownKeys: Set<String> = [
        Key.format, Key.kind, Key.count, Key.process, "ld3.solver", "ld3.order", "ld3.variant", "ld3.nfe",
        "ld3.method", "ld3.loss", "ld3.loss_before", "ld3.loss_after", "ld3.prediction",
    ]

    /// Returns the frame of kind schedule (docs/STREAM.md).
    package func frame() throws -> Frame {
        var metadata = made
        metadata.merge([
            "ld3.format": "1", "ld3.kind": Self.kind, "ld3.process": process.spelling,
            "ld3.solver": solver.family.name, "ld3.order": String(solver.order), "ld3.variant": solver.variant,
            "ld3.nfe": String(try evaluations()), "ld3.method": method,
        ]) { _, own in own }
        metadata["ld3.loss"] = loss
        metadata["ld3.loss_before"] = lossBefore.flatMap { $0.isFinite ? "\($0)" : nil }
        metadata["ld3.loss_after"] = lossAfter.flatMap { $0.isFinite ? "\($0)" : nil }
        var tensors = [
            NamedTensor(name: "t", shape: [times.count], doubles: times),
            NamedTensor(name: "t_model", shape: [modelTimes.count], doubles: modelTimes),
        ]
        if let coefficients {
            metadata["ld3.prediction"] = coefficients.prediction.rawValue
            tensors += coefficients.tensors
        }
        return Frame(metadata: metadata, tensors: tensors)
    }

    static func frames(of stream: StreamReader) throws -> [Frame] {
        var frames: [Frame] = []
        while let (frame, _) = try stream.next() { frames.append(frame) }
        return frames
    }

    /// - Parameter process: where the frame names none.
    package init(frame: Frame, process fallback: NoiseProcess? = nil) throws {
        let metadata = frame.metadata
        func required(_ key: String) throws -> String {
            guard let value = metadata[key] else { throw Failure(.data, place: key, "is missing from the schedule") }
            return value
        }
        guard try required("ld3.kind") == Self.kind else {
            throw Failure(.data, place: "ld3.kind", "is `\(metadata["ld3.kind"] ?? "")`, not schedule")
        }
        let spelt = try metadata["ld3.process"].map { text in
            try NoiseProcess(named: text, known: fallback, in: "ld3.process")
        }
        guard let process = spelt ?? fallback else {
            throw Failure(.data, place: "ld3.process", "is missing from the schedule")
        }
        guard let order = Int(try required("ld3.order")) else {
            throw Failure(.data, place: "ld3.order", "is no number")
        }
        let family = try required("ld3.solver")
        let solver = try asData(prefix: "ld3.") {
            try Solver(name: family, order: order, variant: metadata["ld3.variant"])
        }
        guard let times = try frame["t"]?.doubles() else {
            throw Failure(.data, place: "t", "is missing from the schedule")
        }
        self.init(
            solver: solver, process: process, times: times, modelTimes: try frame["t_model"]?.doubles(),
            coefficients: try CoefficientMatrices(frame: frame), method: metadata["ld3.method"] ?? "unknown")
        loss = metadata["ld3.loss"]
        lossBefore = metadata["ld3.loss_before"].flatMap(Double.init)
        lossAfter = metadata["ld3.loss_after"].flatMap(Double.init)
        record(metadata)
        try validate()
    }
}

/// Runs `body`. A usage failure that leaves it becomes bad data, and its place gets `prefix`, so that "order" becomes the
/// key `ld3.order`.
func asData<Result>(prefix: String = "", _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch var failure as Failure where failure.status == .usage {
        failure.status = .data
        failure.place = failure.place.map { prefix + $0 }
        throw failure
    }
}

extension CoefficientMatrices {
    /// The coefficients as the F64 tensors of a schedule frame.
    var tensors: [NamedTensor] {
        func tensor(_ name: String, _ matrix: [[Double]]) -> NamedTensor {
            NamedTensor(name: name, shape: [matrix.count, matrix.first?.count ?? 0], doubles: matrix.flatMap { $0 })
        }
        return [
            tensor("predictor_state", predictorState), tensor("predictor_output", predictorOutput),
        ]
            + [("corrector_state", correctorState), ("corrector_output", correctorOutput)].compactMap { name, matrix in
                matrix.map { tensor(name, $0) }
            }
    }

    /// Reads the coefficients of a frame. Returns nil if it carries none.
    init?(frame: Frame) throws {
        func matrix(_ name: String) throws -> [[Double]]? {
            guard let tensor = frame[name] else { return nil }
            guard tensor.shape.count == 2, tensor.shape[0] > 0, tensor.shape[1] > 0 else {
                throw Failure(.data, place: name, "must be a matrix, not \(tensor.shape)")
            }
            let values = try tensor.doubles()
            let width = tensor.shape[1]
            return (0..<tensor.shape[0]).map { Array(values[$0 * width..<($0 + 1) * width]) }
        }
        guard let predictorState = try matrix("predictor_state"),
            let predictorOutput = try matrix("predictor_output")
        else {
            guard frame["predictor_state"] == nil, frame["predictor_output"] == nil else {
                throw Failure(.data, "a schedule needs predictor_state and predictor_output together")
            }
            return nil
        }
        let name = frame.metadata["ld3.prediction"] ?? "data"
        guard let prediction = Prediction(rawValue: name) else {
            throw Failure(.data, place: "ld3.prediction", "is `\(name)`, not data, noise or velocity")
        }
        self.init(
            prediction: prediction, predictorState: predictorState, predictorOutput: predictorOutput,
            correctorState: try matrix("corrector_state"), correctorOutput: try matrix("corrector_output"))
    }
}
