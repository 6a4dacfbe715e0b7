import Diagnostics
import Engine
import Formats
import Foundation
import Networks
import Tensors

/// Times one network at several batch sizes. Prints a JSON line for each measurement, as peer/songunet_torch.py and
/// peer/sd_unet_torch.py do.
///
///     engine-benchmark [--config cifar10|ffhq64|mnist|lsun|imagenet|sd15|vq-f4-256|kl-f8-512|sd15-step|FILE] [--batch 1,2,8]
///         [--type F32|F16|BF16] [--precision float32|bf16] [--threads N] [--seconds S] [--only forward|forward+vjp] [--save FILE]
struct Benchmark {
    private var configuration = "cifar10"
    private var batches = [1, 2, 8]
    /// The type in which the weights of a latent network are stored.
    private var type = DataType.float32
    private var precision = ProductPrecision.float32
    private var threads: Int?
    private var seconds = 4.0
    /// The measurement to make, `forward` or `forward+vjp`; nil means both.
    private var only: String?
    /// A file for the named network's random weights; if given, they are written and nothing is timed.
    private var save: String?

    init(_ arguments: [String]) throws {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { throw Failure(.usage, "\(name) needs a value") }
            switch name {
            case "--config": configuration = value
            case "--batch": batches = value.split(separator: ",").compactMap { Int($0) }
            case "--type": type = DataType(rawValue: value) ?? type
            case "--precision":
                guard let known = ProductPrecision(rawValue: value) else {
                    throw Failure(.usage, "--precision \(value) is not known")
                }
                precision = known
            case "--threads": threads = Int(value)
            case "--seconds": seconds = Double(value) ?? seconds
            case "--only": only = value
            case "--save": save = value
            default: throw Failure(.usage, "unknown option \(name)")
            }
        }
    }

    func run() throws {
        if let save { return try write(try RandomWeights(named: configuration), to: save) }
        let start = ContinuousClock.now
        let network = try open()
        report("open", ContinuousClock.now - start)
        let (first, before) = (ContinuousClock.now, processorSeconds())
        try network.forward(1)
        report("first evaluation, weights laid out", ContinuousClock.now - first, processorSeconds() - before)
        for batch in batches {
            let flop = 2 * Double(network.multiplications)
            for (what, body, factor) in [("forward", network.forward, 1.0), ("forward+vjp", network.pullback, 2.0)]
            where only == nil || only == what {
                let (time, best, processor) = try measure { try body(batch) }
                line([
                    "config": configuration, "precision": precision.rawValue, "batch": batch, "what": what,
                    "ms_per_image": rounded(1e3 * time / Double(batch)),
                    "best_ms_per_image": rounded(1e3 * best / Double(batch)),
                    "cpu_ms_per_image": rounded(1e3 * processor / Double(batch)),
                    "gflops": rounded(factor * flop * Double(batch) / time / 1e9), "peak_mb": rounded(peakMegabytes()),
                ])
            }
        }
        if let profile = Profile.shared.report { print(profile) }
    }

    private func open() throws -> BenchmarkNetwork {
        let pool = ThreadPool(threads: threads)
        try precision.require()
        if let latent = LatentNetworks(rawValue: configuration) { return try latent.open(type, precision, pool: pool) }
        return try BenchmarkNetwork(
            RandomWeights.names.contains(configuration)
                ? try RandomWeights(named: configuration) : try SafetensorsFile(path: configuration), precision,
            pool: pool)
    }

    private func write(_ weights: RandomWeights, to path: String) throws {
        let tensors = try weights.tensorNames.map { name in
            NamedTensor(name: name, shape: weights.shape(of: name) ?? [], floats: try weights.floats(name))
        }
        let image = Safetensors.serialize(metadata: ["config": weights.configuration ?? ""], tensors: tensors)
        try Data(image).write(to: URL(fileURLWithPath: path))
    }

    /// Returns the median and the least wall time, and the median processor time over all threads, in seconds. On a
    /// busy machine, the last two say more.
    /// One run goes before, unless `--seconds 0` asks for a single one.
    private func measure(_ body: () throws -> Void) throws -> (time: Double, best: Double, processor: Double) {
        if seconds > 0 { try body() }
        var times: [Double] = []
        var processors: [Double] = []
        var total = 0.0
        while times.isEmpty || total < seconds {
            let (start, before) = (ContinuousClock.now, processorSeconds())
            try body()
            times.append((ContinuousClock.now - start) / .seconds(1))
            processors.append(processorSeconds() - before)
            total += times[times.count - 1]
        }
        times.sort()
        return (times[times.count / 2], times[0], processors.sorted()[times.count / 2])
    }

    private func processorSeconds() -> Double {
        let usage = resources()
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + 1e-6 * Double(time.tv_usec) }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private func resources() -> rusage {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage
    }

    private func report(_ what: String, _ time: Duration, _ processor: Double? = nil) {
        var values: [String: any Sendable] = [
            "config": configuration, "what": what, "ms": rounded(time / .milliseconds(1)),
        ]
        values["cpu_ms"] = processor.map { rounded(1e3 * $0) }
        line(values)
    }

    private func line(_ values: [String: any Sendable]) {
        let order = [
            "config", "precision", "batch", "what", "ms", "cpu_ms", "ms_per_image", "best_ms_per_image",
            "cpu_ms_per_image", "gflops", "peak_mb",
        ]
        let members = order.compactMap { key in
            values[key].map { "\"\(key)\": " + ($0 is String ? "\"\($0)\"" : "\($0)") }
        }
        print("{\(members.joined(separator: ", "))}")
    }

    private func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }

    /// Returns the process' highest resident memory so far, in megabytes.
    private func peakMegabytes() -> Double { Double(resources().ru_maxrss) / 1024 }
}
