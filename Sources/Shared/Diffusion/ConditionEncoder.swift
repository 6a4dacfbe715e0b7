/// Turns what the stream says of the samples (prompts, classes, or nothing but their seeds) into what the network reads.
package protocol ConditionEncoder: Sendable {
    /// Returns the condition that the network is given for samples with these seeds.
    ///
    /// A prompt that comes several times is encoded once. Tensors that `given` has already are kept as they are.
    func encode(_ given: Condition, seeds: [Int64]) throws -> Condition

    /// The tensors that are made and that the stages behind find in the stream.
    var written: [String] { get }

    /// Returns a sentence on each of `prompts` that is too long to be read to its end.
    func cuts(of prompts: [Prompt]) throws -> [String]
}

extension ConditionEncoder {
    package var written: [String] { [] }
    package func cuts(of prompts: [Prompt]) throws -> [String] { [] }
}
