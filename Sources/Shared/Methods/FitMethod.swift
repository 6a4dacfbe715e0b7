import Diagnostics
import Diffusion
import Fitting
import Options
import Tensors

/// A way to find a schedule. `FitMethods` lists all of them.
package protocol FitMethod: Sendable {
    /// The word that chooses the method, and that its schedules carry.
    static var name: String { get }
    /// The option that asks for the method, with its value.
    static var request: String { get }
    /// The options that this method alone reads, for the help.
    static var options: [OptionGroup] { get }
    /// The options that this method reads beside its own, among `FitMethods.shared`.
    static var shared: Set<String> { get }
    /// The quantity that the course of a fit tells.
    static var measure: FitHistory.Measure { get }

    /// Reads the method's options, and opens the files that they name. Throws `usage` if they contradict each other.
    init(_ values: any OptionValues) throws

    /// The parts that the schedule found may have of its own.
    var learned: LearnedParts { get }
    /// The pairs that the method itself solves, so that the first evaluations of these are its work.
    var solvedPairs: SolvedPairs { get }
    /// Whether the method needs gradients of the network.
    static var differentiates: Bool { get }
    /// The most samples that are differentiated at once.
    var differentiatedBatch: Int { get }
    /// Whether the method takes features of samples of this shape, which are computed in single precision.
    func usesNetwork(ofSamples shape: [Int]) -> Bool
    /// Whether the method fits a sampler that owns its network and its state, of which only the times can be chosen.
    static var fitsSamplers: Bool { get }

    /// A note for the user on what the method does with pairs of latents; nil if it is what it does with any.
    var noteOnLatents: String? { get }

    /// Checks what the method demands of a budget and a process, before any pair is solved. Throws `usage`.
    func check(_ budget: Budget, on process: NoiseProcess) throws

    func fit<Element: TensorElement>(
        _ problem: FitProblem<Element>, observe: @escaping (FitEvent) -> Void
    ) throws -> Fit
}

extension FitMethod {
    package static var request: String { "\(spelled("method")) \(name)" }
    package static var measure: FitHistory.Measure { .loss }
    package static var fitsSamplers: Bool { false }
    package static var differentiates: Bool { false }
    package static var shared: Set<String> { [] }
    package var learned: LearnedParts { [] }
    package var solvedPairs: SolvedPairs { .none }
    package var differentiatedBatch: Int { 0 }
    package func usesNetwork(ofSamples shape: [Int]) -> Bool { false }
    package var noteOnLatents: String? { nil }
    package func check(_ budget: Budget, on process: NoiseProcess) throws {}

    /// A failure of a problem that the method cannot solve.
    static func unsuited(_ message: String, suggestion: String? = nil) -> Failure {
        Failure(.usage, place: "method \(name)", message, suggestion: suggestion)
    }
}
