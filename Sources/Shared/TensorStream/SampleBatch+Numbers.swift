import Diagnostics
import Formats

extension SampleBatch {
    /// Returns the batch with a number for each sample, such as its loss, in a tensor [B] of that name. Throws `data`,
    /// naming the seed, if one is not finite.
    package func setting(_ numbers: [Double], as name: String) throws -> SampleBatch {
        if let bad = numbers.firstIndex(where: { !$0.isFinite }) {
            throw Failure(.data, place: "seed \(seeds[bad])", "its \(name) is \(numbers[bad])")
        }
        return setting(NamedTensor(name: name, shape: [count], doubles: numbers))
    }
}
