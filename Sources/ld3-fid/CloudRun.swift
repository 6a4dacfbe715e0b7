import Commands
import Diagnostics
import Metrics
import Options
import PointCloudMetrics
import Reports
import Tensors

extension OptionGroup {
    static let clouds = OptionGroup(
        "point clouds, if the reference holds some",
        [
            .choice(
                "normalize", "SCALE", cases: CloudScale.self, default: "bbox",
                "the scale in which clouds are compared: bbox (the bounding box reaches 1), unit (deviation 1) or none"),
            .flag("no-1nna", "leave out 1-NNA, which takes half of the time"),
        ])
}

/// One run of ld3-fid on point clouds: MMD, COV, 1-NNA and JSD of each set against the reference.
struct CloudRun {
    private let inputs: [String]
    private let reference: String
    private let scale: CloudScale
    private let wantsNeighbours: Bool
    private let setSize: Int?
    private let printsJSON: Bool
    private let page: ReportPage?
    private let reporter: Reporter
    private let pool: ThreadPool

    /// Options that mean something for pictures alone.
    private static let pictureOptions = [
        "statistics", "merge", "no-seeds", "features", "input", "quantize", "kid", "precision-recall", "neighbours",
        "logarithmic", "batch",
    ]

    /// Whether the reference holds clouds. Throws `usage` if it does not and an option is for clouds.
    static func isMeant(_ arguments: Arguments) throws -> Bool {
        let reference = arguments.stringIfGiven("reference")
        let option = OptionGroup.clouds.options.first { arguments.isGiven($0.name) }
        do {
            if let reference, try CloudFile.holdsClouds(reference) { return true }
        } catch {
            // References of pictures are read, and refused, elsewhere.
            if option != nil, !FidRun.embeddedReferences.contains(reference ?? "") { throw error }
        }
        if let option {
            throw Failure(
                .usage, place: "--\(option.name)", "is for clouds, and the reference holds none",
                suggestion: "clouds are compared with the clouds of --reference")
        }
        return false
    }

    init(_ arguments: Arguments) throws {
        if let option = Self.pictureOptions.first(where: arguments.isGiven) {
            throw Failure(
                .usage, place: "--\(option)", "is for pictures, and the reference holds clouds",
                suggestion: option == "statistics" || option == "merge"
                    ? "no metric of clouds is a sum over samples: join their streams instead" : nil)
        }
        guard let reference = arguments.stringIfGiven("reference") else {
            throw Failure(.usage, place: "--reference", "is required for clouds")
        }
        self.reference = reference
        inputs = arguments.positionals.isEmpty ? ["-"] : arguments.positionals
        scale = try arguments.choice("normalize")
        wantsNeighbours = !arguments.flag("no-1nna")
        setSize = arguments.integerIfGiven("set-size")
        printsJSON = arguments.flag("json")
        page = try ReportPage(arguments)
        reporter = arguments.reporter
        pool = ThreadPool(threads: arguments.threads())
    }

    func run() throws {
        let referenceSamples = try CloudSamples(path: reference, reporter: reporter)
        let references = try set(referenceSamples, name: reference)
        let sets = try inputs.flatMap { try samples($0) }
        let rows = references.count + sets.reduce(0) { $0 + $1.samples.count * (wantsNeighbours ? 2 : 1) }
        let progress = Progress(reporter, "comparing", unit: "clouds", total: rows)
        let own = wantsNeighbours ? references.distances(pool: pool) { progress.advance() } : nil
        let entries = try sets.map { name, samples in
            if samples.count != references.count {
                reporter.warn(
                    "\(name): \(counted(samples.count, "sample")) for \(counted(references.count, "reference")); COV and MMD depend on both "
                        + "counts, and compare only where these are equal")
            }
            let metrics = try set(samples, name: name).metrics(against: references, own: own, pool: pool) {
                progress.advance()
            }
            return CloudReport.Entry(name: name, samples: samples, metrics: metrics)
        }
        progress.finish()
        let report = CloudReport(entries: entries, reference: reference, references: referenceSamples, scale: scale)
        try Descriptor.write(Descriptor.standardOutput, printsJSON ? report.json.text + "\n" : report.text)
        try page?.publish(CloudPage(report).sections())
    }

    /// The sets of --set-size clouds in `path`, or the one set. A rest that fills no set is left out.
    private func samples(_ path: String) throws -> [(name: String, samples: CloudSamples)] {
        let name = path == "-" ? "standard input" : path
        let all = try CloudSamples(path: path, reporter: reporter)
        guard let setSize else { return [(name, all)] }
        let (count, rest) = all.count.quotientAndRemainder(dividingBy: setSize)
        if rest > 0 {
            reporter.warn(SetRest(of: setSize, samples: counted(rest, "cloud"), hasSets: count > 0).warning(name))
        }
        guard count > 0 else { return [(name, all)] }
        return (0..<count).map { index in
            (count > 1 ? "\(name), set \(index + 1)" : name, all.samples(index * setSize..<(index + 1) * setSize))
        }
    }

    private func set(_ samples: CloudSamples, name: String) throws -> CloudSet {
        CloudSet(try locating(name) { try samples.scaled(scale) }, pool: pool)
    }
}
