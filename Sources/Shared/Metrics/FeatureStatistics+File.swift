import Checkpoints
import Diagnostics
import Formats

/// Reads and writes files of statistics. Our files hold `mu`, `sigma`, `count`, `sum`, `outer` and `seeds` [R, 2];
/// NumPy and the FID tools, whose files hold `mu` and `sigma`, can read them. The name of the feature network is the
/// metadata key `features` of a .safetensors file, or the bytes of the array `features` in an .npz file.
extension FeatureStatistics {
    /// Reads .npz or .safetensors, whichever the file is. Throws `.noInput` if the file cannot be opened, `.data` if
    /// it holds no statistics.
    package init(file path: String) throws {
        self = try NPZFile.isMeant(by: path) ? Self.read(npz: path) : Self.read(safetensors: path)
    }

    /// Whether the suffix of `path` is one that `serialized(for:)` takes.
    package static func canBeWritten(to path: String) -> Bool { ["npz", "safetensors"].contains(suffix(of: path)) }

    private static func suffix(of path: String) -> String? { path.split(separator: ".").last?.lowercased() }

    /// Returns the bytes of the file, .npz or .safetensors by the suffix of `path`. Throws `.usage` for another suffix.
    package func serialized(for path: String) throws -> [UInt8] {
        switch Self.suffix(of: path) {
        case "npz":
            let name = features.map {
                NamedTensor(name: "features", type: .uint8, shape: [$0.utf8.count], bytes: Array($0.utf8))
            }
            return try NPZFile.serialize(tensors + [name].compactMap { $0 })
        case "safetensors":
            var metadata = ["ld3.format": "1", "ld3.kind": "statistics"]
            metadata["features"] = features
            return Safetensors.serialize(metadata: metadata, tensors: tensors)
        default:
            throw Failure(.usage, place: path, "statistics are written as .npz or .safetensors")
        }
    }

    private var tensors: [NamedTensor] {
        let d = dimension
        let own = [
            NamedTensor(name: "mu", shape: [d], doubles: mean),
            NamedTensor(name: "sigma", shape: [d, d], doubles: covariance),
        ]
        guard let moments else { return own }
        let pairs = moments.seeds.pairs
        return own + [
            NamedTensor(name: "count", shape: [1], int64s: [Int64(moments.count)]),
            NamedTensor(name: "sum", shape: [d], doubles: moments.sum),
            NamedTensor(name: "outer", shape: [d, d], doubles: moments.outer),
            NamedTensor(name: "seeds", shape: [pairs.count / 2, 2], int64s: pairs),
        ]
    }

    private static func read(safetensors path: String) throws -> FeatureStatistics {
        let file = try SafetensorsFile(path: path)
        return try locating(path) {
            try FeatureStatistics(names: file.tensorNames, features: file.metadata["features"]) {
                try file.tensor($0)
            }
        }
    }

    private static func read(npz path: String) throws -> FeatureStatistics {
        let file = try NPZFile(path: path)
        return try locating(path) {
            let name = file.names.contains("features") ? try file.array("features") : nil
            let features = name.flatMap { $0.type == .uint8 ? String(decoding: $0.bytes, as: UTF8.self) : nil }
            return try FeatureStatistics(names: file.names, features: features) { try file.array($0) }
        }
    }

    /// Makes statistics from named arrays: from the sums if they are there, else from mean and covariance.
    private init(names: [String], features: String?, read: (String) throws -> NamedTensor) throws {
        if ["count", "sum", "outer"].allSatisfy(names.contains) {
            let (count, sum, outer) = (try read("count").int64s(), try read("sum"), try read("outer"))
            guard count.count == 1, sum.shape.count == 1, sum.count > 0, outer.shape == [sum.count, sum.count] else {
                throw Failure(.data, "count, sum and outer have shapes that do not fit each other")
            }
            // Double is not exact for larger counts, so they could not be added up.
            guard (0...1 << 53).contains(count[0]) else { throw Failure(.data, "a count of \(count[0]) samples") }
            let seeds = names.contains("seeds") ? try SeedRanges(pairs: read("seeds").int64s()) : SeedRanges()
            guard seeds.isEmpty || seeds.count == Double(count[0]) else {
                throw Failure(.data, "a count of \(count[0]) samples with the seeds \(seeds.text)")
            }
            let moments = Moments(
                dimension: sum.count, count: Int(count[0]), sum: try sum.doubles(), outer: try outer.doubles(),
                seeds: seeds)
            try self.init(moments, features: features)
            return
        }
        guard names.contains("mu"), names.contains("sigma") else {
            throw Failure(
                .data,
                "holds no statistics: neither `mu` and `sigma` nor `count`, `sum` and `outer`"
                    + " (found: \(names.prefix(8).joined(separator: ", ")))")
        }
        let (mean, covariance) = (try read("mu"), try read("sigma"))
        guard mean.shape.count == 1, mean.count > 0, covariance.shape == [mean.count, mean.count] else {
            throw Failure(.data, "mu has shape \(mean.shape) and sigma \(covariance.shape)")
        }
        let count = names.contains("count") ? try read("count").int64s().first.map { Int($0) } : nil
        self.init(
            mean: try mean.doubles(), covariance: try covariance.doubles(), count: count, features: features)
    }
}
