import Engine
import Tensors

/// The ways in which the network engine computes a model.
struct EngineSettings {
    /// nil for one thread on each core.
    let threads: Int?
    /// The numbers that networks multiply.
    let precision: ProductPrecision

    func makePool() -> ThreadPool { ThreadPool(threads: threads) }
}
