import Commands
import Diagnostics
import FeatureNetworks
import Images
import Metrics
import Models
import Options
import Reports
import TensorStream

/// One run of ld3-fid: samples become features and statistics, which are saved or compared with the reference.
struct FidRun {
    static let embeddedReferences = EmbeddedModel.allCases.map(\.referenceName)

    private let inputs: [String]
    private let reference: String?
    private let statisticsFile: String?
    private let network: String
    private let input: InceptionInput
    private let threads: Int?
    private let wantsKernel: Bool
    private let neighbours: Int?
    private let setSize: Int?
    private let merges: Bool
    private let printsJSON: Bool
    private let page: ReportPage?
    private let settings: SampleInput.Settings

    init(_ arguments: Arguments) throws {
        guard !arguments.flag("logarithmic") else { throw Failure(.usage, place: "--logarithmic", "is for --chart") }
        inputs = arguments.positionals.isEmpty ? ["-"] : arguments.positionals
        statisticsFile = arguments.stringIfGiven("statistics")
        wantsKernel = arguments.flag("kid")
        let count = try arguments.integer("neighbours")
        neighbours = arguments.flag("precision-recall") ? count : nil
        if neighbours == nil { try arguments.refuse(["neighbours"], "is for --precision-recall") }
        setSize = arguments.integerIfGiven("set-size")
        merges = arguments.flag("merge")
        printsJSON = arguments.flag("json")
        page = try ReportPage(arguments)
        let named = EmbeddedModel.allCases.first { $0.referenceName == arguments.stringIfGiven("reference") }
        network = try arguments.isGiven("features") ? arguments.string("features") : (named ?? .mnist32).rawValue
        input = try arguments.choice("input")
        let embedded = EmbeddedModel(rawValue: network)
        if embedded != nil { try arguments.refuse(["input"], "is for Inception of --features") }
        threads = arguments.threads()
        let assumed = statisticsFile == nil ? embedded?.referenceName : nil
        reference = arguments.stringIfGiven("reference") ?? assumed
        if reference == nil {
            try arguments.refuse(
                ["json", "report", "kid", "precision-recall", "set-size"],
                "is about a comparison, and there is no --reference")
        }
        settings = SampleInput.Settings(
            quantization: try arguments.choice("quantize"), batch: arguments.batch() ?? (embedded != nil ? 128 : 16),
            hasSeeds: !arguments.flag("no-seeds"), reporter: arguments.reporter)
        try checkUsage()
    }

    /// Refuses combinations that cannot be meant.
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
            guard FeatureStatistics.canBeWritten(to: statisticsFile) else {
                throw Failure(
                    .usage, place: "--statistics", "`\(statisticsFile)` ends in neither .npz nor .safetensors")
            }
        }
        guard !(wantsKernel || neighbours != nil) || !Self.embeddedReferences.contains(reference ?? "") && !merges
        else {
            throw Failure(
                .usage, place: wantsKernel ? "--kid" : "--precision-recall", "needs the samples of both sides",
                suggestion: "give a folder of pictures or a file of features as --reference")
        }
    }

    /// Opens everything that the command line names before it reads the first sample.
    func run() throws {
        let evaluator = FeatureEvaluator(
            try FeatureCatalogue.features(network, input: input, threads: threads),
            keepsVectors: wantsKernel || neighbours != nil, keepsExcerpts: page != nil, settings: settings)
        let comparison = try reference.map { name in
            try ReferenceComparison(with: set(name, evaluator), wantsKernel: wantsKernel, neighbours: neighbours)
        }
        try inputs.forEach(SampleInput.checkPresence)
        let sets = try merges ? merged() : inputs.flatMap { try evaluator.sets($0, size: setSize, for: comparison) }
        if let statisticsFile, let set = sets.first {
            try Publishing.publish(statisticsFile, bytes: set.features.statistics.serialized(for: statisticsFile))
        }
        guard let comparison else { return }
        let report = try comparison.report(on: sets, quantization: settings.quantization.rawValue)
        for warning in report.warnings { settings.reporter.warn(warning) }
        try Descriptor.write(Descriptor.standardOutput, printsJSON ? report.json.text + "\n" : report.text)
        let (target, file) = (comparison.reference, statisticsFile)
        try page?.publish(DistancePage(report, of: sets, reference: target, statisticsFile: file).sections())
    }

    private func set(_ reference: String, _ evaluator: FeatureEvaluator) throws -> NamedSet {
        guard let model = EmbeddedModel.allCases.first(where: { $0.referenceName == reference }) else {
            let sets = try namingFile(reference, at: "--reference", orOneOf: Self.embeddedReferences) {
                try evaluator.sets(reference)
            }
            return sets[0]
        }
        let statistics = try FeatureStatistics(file: FeatureCatalogue.reference(of: model))
        return NamedSet(name: reference, features: FeatureSet(statistics: statistics))
    }

    private func merged() throws -> [NamedSet] {
        let statistics = try StatisticsMerge.merged(inputs, hasSeeds: settings.hasSeeds)
        if let gaps = statistics.moments?.seeds.gaps, !gaps.isEmpty {
            settings.reporter.warn("\(gaps.brief) of the merged range \(gaps.count == 1 ? "is" : "are") in no part")
        }
        return [NamedSet(name: "merged", features: FeatureSet(statistics: statistics))]
    }
}
