/// One node of a graph: it computes `output` from `inputs`, and pulls the output's cotangent back to them.
///
/// A forward run reads the inputs' activations and writes the output's. A pullback reads the output's cotangent and
/// delivers the inputs' cotangents. An operation declares everything else that it does with shared memory.
/// From this, `MemorySchedule` knows how long each buffer is needed, and refuses a graph that destroys one too early.
package protocol Operation: Sendable {
    var kind: LayerKind { get }
    /// The values that are read, in the order in which the pullback delivers their cotangents.
    var inputs: [Value] { get }
    var output: Value { get }

    /// Whether the pullback reads the inputs' activations.
    var pullbackReadsInputs: Bool { get }
    /// Whether the pullback reads the output's activations.
    var pullbackReadsOutput: Bool { get }
    /// Returns the buffers that a forward run, or a pullback, leaves with other numbers than it found, besides its
    /// results.
    func overwrites(pullback: Bool) -> [MemoryBuffer]
    /// Floats for each image that are kept from the forward run for the pullback, besides activations.
    var savedCount: Int { get }
    /// Returns the floats of scratch memory for one call.
    func scratchCount(_ extent: PlanExtent, pullback: Bool) -> Int

    /// Multiply-adds of one image, counted as a direct computation needs them.
    var multiplications: Int { get }
    /// Loads and lays out the weights, once. Throws what the weights' source throws.
    func prepare(pullback: Bool) throws
    func forward(_ run: GraphRun)
    func pullback(_ run: GraphRun)
    /// Returns this operation with products of such numbers, and without the weights that were laid out.
    func multiplying(in precision: ProductPrecision) -> Self
}

extension Operation {
    package var pullbackReadsInputs: Bool { false }
    package var pullbackReadsOutput: Bool { false }
    package func overwrites(pullback: Bool) -> [MemoryBuffer] { [] }
    package var savedCount: Int { 0 }
    package func scratchCount(_ extent: PlanExtent, pullback: Bool) -> Int { 0 }
    package var multiplications: Int { 0 }
    package func prepare(pullback: Bool) throws {}
    package func multiplying(in precision: ProductPrecision) -> Self { self }
}

/// The kinds of layers by which LD3_PROFILE=1 sums run times.
package enum LayerKind: String, Sendable, CaseIterable {
    case convolution3x3 = "convolution 3x3"
    case convolution1x1 = "convolution 1x1"
    case convolution = "convolution, other sizes"
    case linear = "linear"
    case normalization = "group norm and SiLU"
    case attention = "attention"
    case resampling = "resampling"
    case other = "other"
}
