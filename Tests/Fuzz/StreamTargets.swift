import Diagnostics
import Formats
import Glibc
import Metrics
import Schedules
import Solvers
import TensorStream
import Tensors

/// Readers of the tensor stream, fed through a descriptor as in a pipe.
struct StreamTargets {
    /// A file without a name that each run writes anew.
    private let descriptor: Int32

    init() throws {
        guard let file = tmpfile() else { throw Mishap(text: "no temporary file: errno \(errno)") }
        descriptor = fileno(file)
    }

    func all() throws -> [Target] {
        let words = ["ld3.count", "ld3.kind", "\"noise\"", "\"pairs\"", "[2]", "\"I64\"", "99999999999", "\"1\""]
        let tensors = ["noise", "image", "target"]
        return [
            Target(name: "stream", weight: 15, corpus: Self.noise, words: words.map(\.bytes)) { bytes in
                let stream = StreamReader(
                    descriptor: try self.rewound(bytes), place: "standard input", kinds: [.noise, .pairs])
                let samples = SampleReader(stream, batch: 2, known: tensors)
                _ = try samples.firstPart()
                while let batch = try samples.next() { _ = try batch.part.history() }
            },
            Target(name: "schedule", weight: 10, corpus: try Self.schedules(), words: words.map(\.bytes)) { bytes in
                let stream = StreamReader(descriptor: try self.rewound(bytes), place: "schedule", kinds: [.schedule])
                while let next = try stream.next() { _ = try Schedule(frame: next.frame).program() }
            },
            try statistics(),
        ]
    }

    /// Read from a file, merged, compared and reported as ld3-fid does.
    private func statistics() throws -> Target {
        var accumulator = MomentsAccumulator(dimension: 2)
        let features = Tensor<Float>(shape: [4, 2], elements: [1, 2, 3, 5, -1, 0, 2, 2])
        try accumulator.add(features, seeds: [0, 1, 2, 7])
        let reference = FeatureStatistics(accumulator.finish(), features: "f")
        let words = ["\"sum\"", "\"mu\"", "\"seeds\"", "\"count\"", "[2]", "[2,2]", "\"F64\"", "\"I64\""]
        return Target(
            name: "statistics", weight: 10, corpus: [try reference.serialized(for: "f.safetensors")],
            words: words.map(\.bytes)
        ) { bytes in
            let statistics = try FeatureStatistics(file: "/proc/self/fd/\(try self.rewound(bytes))")
            if statistics.moments != nil { _ = try FeatureStatistics.merge([("memory", statistics)]) }
            let report = DistanceReport(
                entries: [
                    .init(name: "memory", statistics: statistics, distance: try statistics.distance(to: reference))
                ],
                reference: "f", referenceCount: reference.count, features: statistics.features,
                dimension: statistics.dimension, quantization: nil)
            _ = (report.text, report.json.text)
        }
    }

    private func rewound(_ bytes: [UInt8]) throws -> Int32 {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw Mishap(text: "the temporary file cannot be emptied")
        }
        try Descriptor.write(descriptor, bytes)
        lseek(descriptor, 0, SEEK_SET)
        return descriptor
    }

    private static func frame(_ kind: String, count: Int?, seeds: [Int64], _ more: [NamedTensor] = []) -> [UInt8] {
        var metadata = ["ld3.format": "1", "ld3.kind": kind]
        metadata["ld3.count"] = count.map(String.init)
        metadata["ld3.history"] =
            "[{\"program\":\"ld3-noise\",\"version\":\"0.1.0\",\"arguments\":[\"--seeds\",\"0-2\"]}]"
        let values = seeds.flatMap { [Float($0), -Float($0)] }
        return Safetensors.serialize(
            metadata: metadata,
            tensors: [
                NamedTensor(name: "noise", shape: [seeds.count, 2], floats: values),
                NamedTensor(name: "seed", shape: [seeds.count], int64s: seeds),
                NamedTensor(name: "label", shape: [seeds.count], int64s: seeds),
            ] + more)
    }

    private static var noise: [[UInt8]] {
        let array = try? NPY.serialize(NamedTensor(name: "noise", shape: [3, 2], floats: [1, 2, 3, 4, 5, 6]))
        let target = NamedTensor(name: "target", shape: [1, 2], floats: [1, 2])
        return [
            frame("noise", count: 3, seeds: [0, 1, 2]),
            frame("noise", count: 3, seeds: [0, 1]) + frame("noise", count: nil, seeds: [2])
                + frame("noise", count: 1, seeds: [9]),
            frame("pairs", count: nil, seeds: [5], [target]), frame("noise", count: 0, seeds: []), array ?? [],
        ]
    }

    private static func schedules() throws -> [[UInt8]] {
        try ["ipndm", "unipc", "heun", "dpm-solver++"].map { name in
            let schedule = try Schedule(.uniform, solver: Solver(name: name), steps: 4, process: .edm)
            let frame = try schedule.frame()
            return Safetensors.serialize(metadata: frame.metadata, tensors: frame.tensors)
        }
    }
}
