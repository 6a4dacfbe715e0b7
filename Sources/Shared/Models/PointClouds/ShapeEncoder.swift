import Diagnostics
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

    /// Throws `data`, naming the seed, if the flow's weights give a shape that is not finite.
    func encode(_ given: Condition, seeds: [Int64]) throws -> Condition {
        guard given.tensors[PointCloudDenoiser.conditionName] == nil else { return given }
        var encoded = given
        let shapes = Tensor<Float>(
            shape: [seeds.count, count], rows: seeds.count, pool: pool
        ) { row in
            let normals = GaussianNoise.conditionNoise(seed: seeds[row], count: count)
            return flow?.shape(from: normals) ?? normals
        }
        if let row = seeds.indices.first(where: { !shapes.samples($0..<$0 + 1).elements.allSatisfy(\.isFinite) }) {
            throw Failure(.data, place: "seed \(seeds[row])", "the model's own flow gives a shape with NaN or infinity")
        }
        encoded.tensors[PointCloudDenoiser.conditionName] = shapes
        return encoded
    }
}
