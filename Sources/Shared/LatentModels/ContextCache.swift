import Diffusion
import Networks
import Synchronization
import Tensors

/// Keeps contexts as the layers of a U-Net read them, so that each prompt or class is encoded once and not at each
/// evaluation.
final class ContextCache: Sendable {
    /// Contexts are forgotten, all together, before they take more memory than this.
    private static let limit = 1 << 28

    private let encoder: ContextEncoder
    private let kept = Mutex<[ContextEncoder.Key: LatentUNet.ReadContext]>([:])

    init(_ encoder: ContextEncoder) { self.encoder = encoder }

    /// Returns the contexts of `keys`, one row for each, as `network` reads them.
    func contexts(_ keys: [ContextEncoder.Key], of network: LatentUNet) throws -> LatentUNet.ReadContext {
        let distinct = Distinct(keys)
        let known = kept.withLock { $0 }
        let missing = distinct.values.filter { known[$0] == nil }
        var made: [ContextEncoder.Key: LatentUNet.ReadContext] = [:]
        if !missing.isEmpty {
            let read = try network.read(encoder.contexts(missing))
            for (row, key) in missing.enumerated() { made[key] = read.rows([row]) }
            keep(made)
        }
        return LatentUNet.ReadContext.concatenate(distinct.values.compactMap { made[$0] ?? known[$0] })
            .rows(distinct.places)
    }

    private func keep(_ made: [ContextEncoder.Key: LatentUNet.ReadContext]) {
        guard let size = made.values.first?.bytes, size * made.count <= Self.limit else { return }
        kept.withLock { kept in
            if size * (kept.count + made.count) > Self.limit { kept = [:] }
            kept.merge(made) { first, _ in first }
        }
    }
}
