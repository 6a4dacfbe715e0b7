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
        // Fewer than two samples have their sums only.
        let own =
            covariance.isEmpty
            ? []
            : [
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
        try refusePickle(path)
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

    /// Throws `.data` if the file is a pickle, as EDM2 and StyleGAN write.
    static func refusePickle(_ path: String) throws {
        let file = try MappedFile(path: path)
        if FileKind(start: file.bytes) == .pickle {
            throw Failure(
                .data, place: path, "is a Python pickle, as EDM2's and StyleGAN's statistics are, and is not read",
                suggestion: "save its mean and covariance with numpy.savez as mu and sigma")
        }
    }

    /// Makes statistics from named arrays: from the sums if they are there, else from mean and covariance.
    private init(names: [String], features: String?, read: (String) throws -> NamedTensor) throws {
        if ["count", "sum", "outer"].allSatisfy(names.contains) {
            let (count, sum, outer) = (try Self.count(read("count")), try read("sum"), try read("outer"))
            guard sum.shape.count == 1, sum.count > 0, outer.shape == [sum.count, sum.count] else {
                throw Failure(.data, "`sum` has shape \(sum.shape) and `outer` \(outer.shape)")
            }
            let seeds = names.contains("seeds") ? try SeedRanges(pairs: read("seeds").int64s()) : SeedRanges()
            guard seeds.isEmpty || seeds.count == Double(count) else {
                throw Failure(.data, "a count of \(count) samples with the seeds \(seeds.text)")
            }
            let moments = Moments(
                dimension: sum.count, count: count, sum: try sum.doubles(), outer: try outer.doubles(), seeds: seeds)
            try Self.checkSums(count: count, sum: moments.sum, outer: moments.outer)
            self.init(moments, features: features)
            return
        }
        guard names.contains("mu"), names.contains("sigma") else {
            throw Failure(
                .data,
                "holds no statistics: neither `mu` and `sigma` nor `count`, `sum` and `outer`"
                    + " (found: \(names.prefix(8).joined(separator: ", ")))",
                suggestion: "the mean is `mu` [D], the covariance `sigma` [D, D]; pictures are `arr_0` [N, H, W, C]")
        }
        let (mean, covariance) = (try read("mu"), try read("sigma"))
        guard mean.shape.count == 1, mean.count > 0, covariance.shape == [mean.count, mean.count] else {
            throw Failure(
                .data, "`mu` has shape \(mean.shape) and `sigma` \(covariance.shape)",
                suggestion: "[D] and [D, D] are needed")
        }
        let count = names.contains("count") ? try Self.count(read("count")) : nil
        self.init(
            mean: try mean.doubles(), covariance: try covariance.doubles(), count: count, features: features)
        try Self.checkFinite(self.mean, "mu")
        try Self.checkGram(self.covariance, size: dimension, "sigma")
    }

    private static func count(_ array: NamedTensor) throws -> Int {
        let values = try array.int64s()
        guard values.count == 1 else { throw Failure(.data, "`count` has shape \(array.shape)") }
        // Double is not exact for larger counts, so they could not be added up.
        guard (0...1 << 53).contains(values[0]) else { throw Failure(.data, "a count of \(values[0]) samples") }
        return Int(values[0])
    }
}
