// Samples as plain arrays, so that the modules above this one need no pointers.

extension Tensor {
    /// Returns `transform` of each sample, computed in Double and rounded once. Its result must have as many elements
    /// as the sample.
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

    /// Returns the elements of one sample.
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func doubles(sample: Int) -> [Double] {
        let size = sampleCount
        precondition(sample >= 0 && sample < batch)
        return withElements { source in (sample * size..<(sample + 1) * size).map { Double(source[$0]) } }
    }
}

extension Tensor<Float> {
    /// Makes a tensor of `rows` equal stretches, which `row` computes, side by side if there is a pool.
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
