import Commands
import Diagnostics
import Images
import Metrics
import Models
import Networks
import TensorStream
import Tensors

/// One run of ld3-fid: the sets become features and statistics, which are saved or compared with the reference.
struct FidRun {
    private let inputs: [String]
    private let reference: String?
    private let statisticsFile: String?
    private let featureEvaluator: FeatureEvaluator
    private let wantsKernel: Bool
    private let wantsPrecision: Bool
    private let neighbours: Int
    private let setSize: Int?
    private let merges: Bool
    private let printsJSON: Bool
    private let quantization: Quantization

    init(_ arguments: Arguments) throws {
        guard !arguments.flag("logarithmic") else { throw Failure(.usage, place: "--logarithmic", "is for --chart") }
        inputs = arguments.positionals.isEmpty ? ["-"] : arguments.positionals
        statisticsFile = arguments.stringIfGiven("statistics")
        wantsKernel = arguments.flag("kid")
        wantsPrecision = arguments.flag("precision-recall")
        neighbours = try arguments.integer("neighbours", in: 1...1000)
        setSize = try arguments.integerIfGiven("set-size", in: 2 ... .max)
        merges = arguments.flag("merge")
        printsJSON = arguments.flag("json")
        quantization = try arguments.choice("quantize")
        let network = try arguments.string("features")
        let isEmbedded = network == FeatureCatalogue.embedded
        let assumed = isEmbedded && statisticsFile == nil ? "mnist" : nil
        reference = arguments.stringIfGiven("reference") ?? assumed
        let settings = SampleInput.Settings(
            quantization: quantization, batch: arguments.batch() ?? (isEmbedded ? 128 : 16),
            reporter: arguments.reporter)
        featureEvaluator = FeatureEvaluator(
            network: network, input: try arguments.choice("input"), threads: arguments.threads(),
            keepsVectors: wantsKernel || wantsPrecision, settings: settings)
        try checkUsage()
    }

    /// Combinations that cannot be meant.
    private func checkUsage() throws {
        if merges, inputs == ["-"] { throw Failure(.usage, place: "--merge", "needs files of statistics") }
        if merges, setSize != nil { throw Failure(.usage, place: "--set-size", "cannot be given with --merge") }
        guard reference != nil || statisticsFile != nil else {
            throw Failure(.usage, place: "--reference", "is required with these features")
        }
        if statisticsFile != nil, setSize != nil || !merges && inputs.count > 1 {
            throw Failure(
                .usage, place: "--statistics", "saves one set", suggestion: "add files of statistics up with --merge")
        }
        if let statisticsFile {
            try Publishing.check(statisticsFile)
            guard ["npz", "safetensors"].contains(statisticsFile.split(separator: ".").last?.lowercased()) else {
                throw Failure(
                    .usage, place: "--statistics", "`\(statisticsFile)` ends in neither .npz nor .safetensors")
            }
        }
        guard !(wantsKernel || wantsPrecision) || reference != "mnist" && !merges else {
            throw Failure(
                .usage, place: wantsKernel ? "--kid" : "--precision-recall", "needs the samples of both sides",
                suggestion: "give a folder of pictures or a file of features as --reference")
        }
    }

    func run() throws {
        // A reference that is not there is told before samples are computed.
        let reference = try self.reference.map { try self.reference($0) }
        let sets = try merges ? merged() : inputs.flatMap { try featureEvaluator.sets($0, size: setSize) }
        if let statisticsFile, let set = sets.first {
            try Publishing.publish(statisticsFile, bytes: set.features.statistics.serialized(for: statisticsFile))
        }
        guard let (name, target) = reference else { return }
        let report = try report(sets, reference: name, target)
        for (entry, set) in zip(report.entries, sets) { warnOfFew(entry, dimension: set.features.statistics.dimension) }
        try Descriptor.write(
            Descriptor.standardOutput, printsJSON ? report.json.text + "\n" : report.text)
    }

    private func merged() throws -> [NamedSet] {
        let parts = try inputs.map { path in (place: path, statistics: try FeatureStatistics(file: path)) }
        return [NamedSet(name: "merged", features: FeatureSet(statistics: try FeatureStatistics.merge(parts)))]
    }

    private func reference(_ given: String) throws -> (name: String, FeatureSet) {
        guard given == "mnist" else {
            return try namingFile(given, at: "--reference", orOneOf: ["mnist"]) {
                (given, try featureEvaluator.sets(given, size: nil)[0].features)
            }
        }
        let file = try FeatureCatalogue.embeddedReference()
        return ("mnist", FeatureSet(statistics: try FeatureStatistics(file: file)))
    }

    private func report(_ sets: [NamedSet], reference: String, _ target: FeatureSet) throws -> DistanceReport {
        let entries = try sets.map { set in
            try locating(set.name) {
                DistanceReport.Entry(
                    name: set.name, statistics: set.features.statistics,
                    distance: try set.features.distance(to: target),
                    kernel: wantsKernel ? try KernelDistance(vectors(set.features), vectors(target)) : nil,
                    precisionRecall: wantsPrecision
                        ? try PrecisionRecall(
                            generated: vectors(set.features), real: vectors(target), neighbours: neighbours) : nil,
                    rmsd: set.features.rmsd)
            }
        }
        let statistics = [target.statistics] + sets.map(\.features.statistics)
        return DistanceReport(
            entries: entries, reference: reference, referenceCount: target.statistics.count,
            features: statistics.compactMap(\.features).first, dimension: target.statistics.dimension,
            quantization: featureEvaluator.hasQuantized ? quantization.rawValue : nil)
    }

    private func vectors(_ set: FeatureSet) throws -> Tensor<Float> {
        guard let vectors = set.vectors else {
            throw Failure(
                .data, "statistics hold no feature vectors, which KID, precision and recall need",
                suggestion: "give pictures or a file of features")
        }
        return vectors
    }

    private func warnOfFew(_ entry: DistanceReport.Entry, dimension: Int) {
        guard let count = entry.count else { return }
        if count <= dimension {
            featureEvaluator.settings.reporter.warn(
                "\(count) samples leave a covariance of \(dimension) features rank-deficient; the distance is biased upwards"
            )
        } else if dimension >= 2048, count < 10_000 {
            featureEvaluator.settings.reporter.warn(
                "\(count) samples are few; distances compare only at equal numbers, usually 50000")
        }
    }
}
