import Tensors

/// A diffusion model as solvers see it: the data prediction D(x; t), with its pullback.
///
/// x is [B, sample shape]; `times` holds B times of the process (sigma for EDM); `condition` has B rows, or is empty. The result
/// has the shape of x. The result of a sample depends on that sample alone, bit for bit, whatever the batch.
package protocol Denoiser<Element>: Sendable {
    associatedtype Element: TensorElement

    var sampleShape: [Int] { get }
    /// Whether `linearize` works; a denoiser in another process may lack it.
    var hasPullback: Bool { get }
    /// The number of classes; 0 for a model without classes.
    var labelCount: Int { get }

    func denoise(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Tensor<Element>

    /// Returns the value of `denoise`, and a closure that pulls a cotangent back. The closure may hold the network's activations;
    /// drop it as soon as it is not needed.
    func linearize(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Linearization<
        Element
    >

    /// Returns the values of `denoise` under each of `conditions`. A denoiser may compute once what no condition changes.
    func denoise(
        _ x: Tensor<Element>, at times: [Double], givenEach conditions: [Condition]
    ) throws -> [Tensor<Element>]

    /// Returns the same values, and a closure that pulls one cotangent for each back.
    func linearize(
        _ x: Tensor<Element>, at times: [Double], givenEach conditions: [Condition]
    ) throws -> Linearizations<Element>
}

extension Denoiser {
    package func denoise(
        _ x: Tensor<Element>, at times: [Double], givenEach conditions: [Condition]
    ) throws -> [Tensor<Element>] {
        let all = try denoise(
            .concatenate(conditions.map { _ in x }), at: conditions.flatMap { _ in times },
            given: .concatenate(conditions, counts: conditions.map { _ in x.batch }))
        return all.split(into: conditions.count)
    }

    package func linearize(
        _ x: Tensor<Element>, at times: [Double], givenEach conditions: [Condition]
    ) throws -> Linearizations<Element> {
        let all = try linearize(
            .concatenate(conditions.map { _ in x }), at: conditions.flatMap { _ in times },
            given: .concatenate(conditions, counts: conditions.map { _ in x.batch }))
        return Linearizations(values: all.value.split(into: conditions.count)) { cotangents in
            let pulled = try all.pullback(.concatenate(cotangents))
            let pieces = pulled.x.split(into: conditions.count)
            return Cotangents(
                x: pieces.dropFirst().reduce(pieces[0]) { weightedSum(1, $0, 1, $1) },
                times: times.indices.map { sample in
                    conditions.indices.reduce(0) { $0 + pulled.times[$1 * times.count + sample] }
                })
        }
    }
}

extension Tensor {
    /// Returns the samples in `count` equal parts.
    fileprivate func split(into count: Int) -> [Tensor] {
        let size = batch / count
        return (0..<count).map { samples($0 * size..<($0 + 1) * size) }
    }
}

/// D(x; t), and the transpose of its derivative there.
package struct Linearization<Element: TensorElement> {
    package let value: Tensor<Element>
    /// Returns the cotangents of x and of the times for one of the value, [B, sample shape].
    package let pullback: (Tensor<Element>) throws -> Cotangents<Element>

    package init(value: Tensor<Element>, pullback: @escaping (Tensor<Element>) throws -> Cotangents<Element>) {
        self.value = value
        self.pullback = pullback
    }
}

/// Values of D(x; t) under several conditions, and the transpose of their derivative.
package struct Linearizations<Element: TensorElement> {
    package let values: [Tensor<Element>]
    /// Returns the cotangents of x and of the times for one of each value, [B, sample shape].
    package let pullback: ([Tensor<Element>]) throws -> Cotangents<Element>

    package init(
        values: [Tensor<Element>], pullback: @escaping ([Tensor<Element>]) throws -> Cotangents<Element>
    ) {
        self.values = values
        self.pullback = pullback
    }
}

package struct Cotangents<Element: TensorElement> {
    /// [B, sample shape]
    package let x: Tensor<Element>
    /// [B]
    package let times: [Double]

    package init(x: Tensor<Element>, times: [Double]) {
        self.x = x
        self.times = times
    }
}
