import Metrics
import TestSupport

/// The reader of files of statistics, whose container its bytes tell.
enum StatisticsTargets {
    static func all() throws -> [Target] {
        let folder = try TemporaryFolder()
        let moments = Moments(
            dimension: 2, count: 3, sum: [1, 2], outer: [2, 1, 1, 3], seeds: try SeedRanges(pairs: [0, 2]))
        let statistics = FeatureStatistics(moments, features: "mnist32-features")
        let words =
            ["\"F64\"", "[2,2]", "[2]", "-1", "\"mu\"", "\"sigma\"", "\"count\"", "null"].map(\.bytes)
            + [[0, 0, 0, 0, 0, 0, 0xf8, 0x7f], [0, 0, 0, 0, 0, 0, 0xf0, 0xff]]
        return try ["npz", "safetensors"].map { suffix in
            let path = folder.file("statistics.\(suffix)")
            return Target(
                name: "statistics .\(suffix)", weight: 3, corpus: [try statistics.serialized(for: path)], words: words
            ) { bytes in
                try folder.write(bytes, to: "statistics.\(suffix)")
                _ = try FeatureStatistics(file: path)
            }
        }
    }
}
