import Diffusion
import Networks
import Tensors

/// Draws the numbers z of every cloud's shape from the cloud's own seed, unless the stream has them
/// (docs/STREAM.md, "Where the noise comes from").
struct ShapeEncoder: ConditionEncoder {
    /// F
    let count: Int
    /// Turns normal numbers into z; nil if z is normal.
    let flow: FlowPrior?
    let pool: ThreadPool

    var written: [String] { [PointCloudDenoiser.conditionName] }

    func encode(_ given: Condition, seeds: [Int64]) -> Condition {
        guard given.tensors[PointCloudDenoiser.conditionName] == nil else { return given }
        var encoded = given
        encoded.tensors[PointCloudDenoiser.conditionName] = Tensor(
            shape: [seeds.count, count], rows: seeds.count, pool: pool
        ) { row in
            let normals = GaussianNoise.conditionNoise(seed: seeds[row], count: count)
            return flow?.shape(from: normals) ?? normals
        }
        return encoded
    }
}
