import Diagnostics
import Diffusion
import Formats
import Solvers
import TensorStream

extension Schedule {
    static let documentFormat = "ld3-schedule"
    /// The members that tell of the model; all other keys are in the member `metadata`.
    private static let modelMembers: [(name: String, key: String)] = [
        ("model", Key.model), ("model_sha256", Key.modelDigest),
    ]

    /// The schedule as one JSON document, which every export is a view of; nothing is lost.
    package func json() throws -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("format", .string(Self.documentFormat)), .init("version", 1),
            .init("solver", .string(solver.family.name)), .init("order", .integer(solver.order)),
            .init("variant", .string(solver.variant)), .init("nfe", .integer(try evaluations())),
            .init("steps", .integer(steps)), .init("process", .string(process.spelling)),
            .init("parameterization", .string("time")), .init("times", Self.list(times)),
            .init("model_times", isTied ? .null : Self.list(modelTimes)),
            .init("sigmas", process.hasNoiseLevels ? Self.list(times.map { process.listedSigma($0) }) : .null),
            .init("terminal", "keep"),
            .init("method", .string(method)),
        ]
        if let loss { members.append(.init("loss", .string(loss))) }
        if let lossBefore, lossBefore.isFinite { members.append(.init("loss_before", .number(lossBefore))) }
        if let lossAfter, lossAfter.isFinite { members.append(.init("loss_after", .number(lossAfter))) }
        for (name, key) in Self.modelMembers {
            if let text = made[key] { members.append(.init(name, .string(text))) }
        }
        let others = made.filter { key, _ in !Self.modelMembers.contains { $0.key == key } }
        if !others.isEmpty { members.append(.init("metadata", Self.object(others))) }
        if let coefficients { members.append(.init("coefficients", Self.object(coefficients))) }
        return .object(members)
    }

    /// Reads a document of `json`.
    ///
    /// - Parameter known: the process that the user named; the document may name it too even if it is kept in a file.
    package init(json: JSONValue, process known: NoiseProcess? = nil) throws {
        func text(_ name: String) throws -> String {
            guard let value = json[name]?.string else { throw Failure(.data, place: name, "is missing or no string") }
            return value
        }
        guard try text("format") == Self.documentFormat, json["version"]?.integer == 1 else {
            throw Failure(.data, place: "format", "is not \(Self.documentFormat), version 1")
        }
        guard let times = json["times"]?.doubles, let order = json["order"]?.integer else {
            throw Failure(.data, "a schedule needs times and an order")
        }
        self.init(
            solver: try asData { try Solver(name: text("solver"), order: order, variant: text("variant")) },
            process: try NoiseProcess(named: text("process"), known: known, in: "process"), times: times,
            modelTimes: json["model_times"]?.doubles,
            coefficients: try json["coefficients"].map { try Self.coefficients($0) }, method: try text("method"))
        loss = json["loss"]?.string
        lossBefore = json["loss_before"]?.double
        lossAfter = json["loss_after"]?.double
        var made = try json["metadata"].map(Self.metadata) ?? [:]
        for (name, key) in Self.modelMembers { made[key] = json[name]?.string }
        record(made)
        try validate()
    }

    /// Returns the schedules of the file at `path` if its bytes are a document or an array of them, and nil if they are
    /// something else.
    static func documents(_ bytes: [UInt8], path: String, process known: NoiseProcess? = nil) throws -> [Schedule]? {
        guard let json = try? JSONValue(parsing: bytes) else { return nil }
        let documents = json.elements ?? [json]
        guard !documents.isEmpty, documents.allSatisfy({ $0["format"]?.string == documentFormat }) else { return nil }
        return try locating(path) { try documents.map { try Schedule(json: $0, process: known) } }
    }

    /// Returns metadata as an object of strings, in which the history is not a string but itself.
    private static func object(_ metadata: [String: String]) -> JSONValue {
        .object(
            metadata.sorted { $0.key < $1.key }.map { key, text in
                let history = key == Key.history ? try? JSONValue(parsing: text) : nil
                return .init(key, history ?? .string(text))
            })
    }

    /// Reads what `object` returns of metadata.
    private static func metadata(_ json: JSONValue) throws -> [String: String] {
        guard let members = json.members else { throw Failure(.data, place: "metadata", "is no object") }
        return Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0.value.string ?? $0.value.text) })
    }

    private static func list(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }

    private static func object(_ coefficients: CoefficientMatrices) -> JSONValue {
        func matrix(_ name: String, _ rows: [[Double]]?) -> JSONValue.Member? {
            rows.map { .init(name, .array($0.map(list))) }
        }
        return .object(
            [
                .init("prediction", .string(coefficients.prediction.rawValue)),
                matrix("predictor_state", coefficients.predictorState),
                matrix("predictor_output", coefficients.predictorOutput),
                matrix("corrector_state", coefficients.correctorState),
                matrix("corrector_output", coefficients.correctorOutput),
            ].compactMap { $0 })
    }

    private static func coefficients(_ json: JSONValue) throws -> CoefficientMatrices {
        func matrix(_ name: String) throws -> [[Double]]? {
            guard let value = json[name] else { return nil }
            guard let rows = value.elements?.map(\.doubles), !rows.contains(where: { $0 == nil }) else {
                throw Failure(.data, place: name, "must be an array of arrays of numbers")
            }
            return rows.compactMap { $0 }
        }
        guard let prediction = json["prediction"]?.string.flatMap(Prediction.init(rawValue:)),
            let states = try matrix("predictor_state"), let outputs = try matrix("predictor_output")
        else { throw Failure(.data, place: "coefficients", "need prediction, predictor_state and predictor_output") }
        return CoefficientMatrices(
            prediction: prediction, predictorState: states, predictorOutput: outputs,
            correctorState: try matrix("corrector_state"), correctorOutput: try matrix("corrector_output"))
    }
}
