import Diagnostics
import Diffusion

extension NoiseProcess {
    /// The names of processes, for help texts and errors.
    package static let spellings = [
        "edm", "edm:MIN,MAX", "vp-linear", "vp-cosine", "vp-discrete:sd", "vp-discrete:ldm",
        "vp-discrete:scaled-linear:K,BETA1,BETAT", "vp-discrete:linear:K,BETA1,BETAT", "vp-discrete:cosine:K",
        "vp-discrete:point-cloud", "vp-discrete:point-cloud:K,BETA1,BETAT", "vp-discrete:FILE", "flow", "flow:shift=K",
    ]

    /// Makes the process of a name. Throws a usage failure if there is no such process.
    ///
    /// - Parameter readTable: returns the alphas_cumprod of the file of vp-discrete:FILE.
    package init(spelling: String, readTable: (String) throws -> [Double] = NoiseTable.read) throws {
        let name = spelling.prefix { $0 != ":" }
        let argument = spelling.dropFirst(name.count + 1)
        let hasArgument = spelling.contains(":")
        switch (name, hasArgument) {
        case ("edm", false): self = .edm
        case ("edm", true): self = try Self.edmRange(argument, in: spelling)
        case ("vp-linear", false): self = .vpLinear
        case ("vp-cosine", false): self = .vpCosine
        case ("flow", false): self = .flow
        case ("flow", true): self = .flow(shift: try Self.shift(argument, in: spelling))
        case ("interval", true): self = try Self.interval(argument, in: spelling)
        case ("vp-discrete", true) where !argument.isEmpty:
            let kind = argument.prefix { $0 != ":" }
            switch argument {
            case "sd": self = .vpDiscrete(.stableDiffusion)
            case "ldm": self = .vpDiscrete(.latentDiffusion)
            case "point-cloud": self = LinearNoiseLevels.pointCloud.process
            case _ where argument.hasPrefix("point-cloud:"):
                self = try Self.levels(argument, in: spelling) {
                    LinearNoiseLevels(count: $0, first: $1, last: $2)?.process
                }
            case _ where kind == "scaled-linear":
                self = try Self.levels(argument, in: spelling) {
                    NoiseTable(scaledLinear: $1, $2, count: $0).map { .vpDiscrete($0) }
                }
            case _ where kind == "linear":
                self = try Self.levels(argument, in: spelling) {
                    LinearNoiseLevels(count: $0, first: $1, last: $2).flatMap(NoiseTable.init(linear:))
                        .map { .vpDiscrete($0) }
                }
            case _ where kind == "cosine":
                guard let table = Int(argument.dropFirst("cosine:".count)).flatMap(NoiseTable.init(cosine:)) else {
                    throw Failure(
                        .usage, "`\(spelling)` needs a count of noise levels from 2 to 65536",
                        suggestion: "for example vp-discrete:cosine:1000")
                }
                self = .vpDiscrete(table)
            default:
                let path = String(argument)
                self = .vpDiscrete(try NoiseTable(name: path, alphasCumprod: readTable(path)))
            }
        default:
            throw Failure(unknown: spelling, choices: Self.spellings)
        }
    }

    /// Returns the process that a stream, a schedule or a document names, without opening a file.
    ///
    /// - Parameters:
    ///   - known: the process that the user or the model has; the name may stand for it even if it is kept in a file.
    ///   - place: the key that holds the name, for messages.
    ///
    /// Throws `data` if there is no such process, and if it is kept in a file that nobody but the data names.
    package init(named spelling: String, known: NoiseProcess? = nil, in place: String) throws {
        if let known, known.spelling == spelling {
            self = known
            return
        }
        self = try locating(place) {
            do {
                return try NoiseProcess(spelling: spelling) { _ in
                    throw Failure(
                        .data, "is `\(spelling)`, a file, which data cannot choose",
                        suggestion: "if you trust it, name it with <process>")
                }
            } catch var failure as Failure {
                failure.status = .data
                throw failure
            }
        }
    }

    /// Returns what `make` makes of the K, BETA1 and BETAT behind the colon of `argument`.
    private static func levels(
        _ argument: Substring, in spelling: String, _ make: (Int, Double, Double) -> NoiseProcess?
    ) throws -> NoiseProcess {
        let kind = argument.prefix { $0 != ":" }
        let numbers = argument.dropFirst(kind.count + 1).split(separator: ",", omittingEmptySubsequences: false)
        guard numbers.count == 3, let count = Int(numbers[0]), let first = Double(numbers[1]),
            let last = Double(numbers[2]), let process = make(count, first, last)
        else {
            throw Failure(
                .usage,
                "`\(spelling)` needs a count from 2 to 65536 and two noise levels, 0 < BETA1 <= BETAT < 1, that leave some "
                    + "signal",
                suggestion: "for example vp-discrete:\(kind):200,0.0001,0.05")
        }
        return process
    }

    private static func shift(_ argument: Substring, in spelling: String) throws -> Double {
        let key = "shift="
        guard argument.hasPrefix(key), let shift = Double(argument.dropFirst(key.count)), shift > 0, shift.isFinite
        else {
            throw Failure(
                .usage, "`\(spelling)` needs a shift above zero", suggestion: "for example flow:shift=3")
        }
        return shift
    }

    private static func interval(_ argument: Substring, in spelling: String) throws -> NoiseProcess {
        let ends = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
        guard ends.count == 2, let start = ends[0], let end = ends[1], start.isFinite, end.isFinite, start > end else {
            throw Failure(.usage, "`\(spelling)` needs two times, T > END", suggestion: "for example interval:1,0")
        }
        return .interval(start: start, end: end)
    }

    private static func edmRange(_ argument: Substring, in spelling: String) throws -> NoiseProcess {
        let bounds = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
        guard bounds.count == 2, let minimum = bounds[0], let maximum = bounds[1],
            minimum > 0, maximum > minimum, maximum.isFinite
        else {
            throw Failure(
                .usage, "`\(spelling)` needs two noise levels, 0 < MIN < MAX",
                suggestion: "for example edm:0.002,80")
        }
        return .edm(minimum: minimum, maximum: maximum)
    }
}
