import Commands
import Diagnostics
import Formats
import TensorStream

/// One run of ld3-noise: where the numbers come from, and the loop that writes them.
struct NoiseRun {
    private let arguments: Arguments
    private let source: NoiseSource
    private let labels: LabelChoice
    /// --move
    private let radius: Double
    private let seeds: SeedList
    /// Places in `seeds` that are this run's.
    private let places: Range<Int>
    private let writer: StreamWriter

    init(_ arguments: Arguments) throws {
        self.arguments = arguments
        let model = ModelNeeded(arguments)
        source = try NoiseSource(arguments, model)
        labels = try LabelChoice(arguments, model)
        radius = try arguments.double("move", in: 0...1e6)
        (seeds, places) = try arguments.seeds(else: source.rows.map { SeedList(count: $0) })
        if let rows = source.rows, rows != seeds.count {
            throw Failure(.usage, place: "--from", "has \(rows) rows for \(seeds.count) seeds")
        }
        writer = try StreamWriter.standardOutput(.noise, entry: arguments.provenance)
    }

    func run() throws {
        // The bytes do not depend on the batch, so one that would not fit is made smaller.
        let most = max(1, sampleElementLimit / source.shape.reduce(1, *))
        let batch = min(try arguments.batch() ?? Self.defaultBatch(source.shape), most)
        let part = StreamPart(count: places.count)
        let progress = Progress(arguments.reporter, "writing noise", unit: "samples", total: places.count)
        var start = places.lowerBound
        repeat {
            let range = start..<min(start + batch, places.upperBound)
            let drawn = seeds.slice(range).seeds
            try writer.write(
                SampleBatch(
                    seeds: drawn, classes: labels.labels(drawn),
                    tensors: [try source.noise(drawn, places: range, movedWithin: radius)], part: part,
                    startsPart: start == places.lowerBound))
            progress.advance(by: range.count)
            start = range.upperBound
        } while start < places.upperBound
        progress.finish()
    }

    /// Samples a frame: about a megabyte.
    private static func defaultBatch(_ shape: [Int]) -> Int { max(1, min(1024, (1 << 18) / shape.reduce(1, *))) }
}
