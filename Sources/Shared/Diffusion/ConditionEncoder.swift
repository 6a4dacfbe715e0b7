/// Turns what the stream says of the samples (prompts, classes, or nothing but their seeds) into what the network reads.
package protocol ConditionEncoder: Sendable {
    /// Returns the condition that the network is given for samples with these seeds.
    ///
    /// A prompt that comes several times is encoded once. Tensors that `given` has already are kept as they are.
    func encode(_ given: Condition, seeds: [Int64]) throws -> Condition

    /// The tensors that are made and that the stages behind find in the stream.
    var written: [String] { get }

    /// Returns what the user should know of `prompts`, such as those that are cut, one sentence each.
    func notes(on prompts: [String]) throws -> [String]
}

extension ConditionEncoder {
    package var written: [String] { [] }
    package func notes(on prompts: [String]) throws -> [String] { [] }
}
