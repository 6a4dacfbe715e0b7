// Tensors filled sample by sample from plain arrays: what mathematics above this module does without pointers.

extension Tensor {
    /// Each sample put through `transform` in Double, rounded once; its result has as many elements.
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func mapSamples(_ transform: (_ sample: Int, _ elements: [Double]) -> [Double]) -> Tensor {
        let size = sampleCount
        return Tensor(shape: shape) { target in
            for sample in 0..<batch {
                let result = transform(sample, doubles(sample: sample))
                precondition(result.count == size)
                for offset in 0..<size { target[sample * size + offset] = Element(result[offset]) }
            }
        }
    }

    /// The elements of one sample.
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func doubles(sample: Int) -> [Double] {
        let size = sampleCount
        precondition(sample >= 0 && sample < batch)
        return withElements { source in (sample * size..<(sample + 1) * size).map { Double(source[$0]) } }
    }
}

extension Tensor<Float> {
    /// `rows` equal stretches, computed side by side; each must have its share of the elements.
    package init(shape: [Int], rows: Int, pool: ThreadPool?, row: (Int) -> [Float]) {
        self.init(shape: shape) { target in
            guard rows > 0 else { return }
            let size = target.count / rows
            precondition(size * rows == target.count)
            func work(_ index: Int, _ slot: Int) {
                let values = row(index)
                precondition(values.count == size)
                _ = UnsafeMutableBufferPointer(rebasing: target[index * size..<(index + 1) * size])
                    .update(fromContentsOf: values)
            }
            guard let pool else { return (0..<rows).forEach { work($0, 0) } }
            pool.parallelFor(rows, work)
        }
    }
}
