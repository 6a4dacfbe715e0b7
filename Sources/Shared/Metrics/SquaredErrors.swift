/// Returns the mean squared difference of each of `count` samples, whose elements follow each other, from its target.
package func squaredErrors(_ samples: [Float], _ targets: [Float], count: Int) -> [Double] {
    let size = samples.count / max(count, 1)
    return (0..<count).map { sample in
        (sample * size..<(sample + 1) * size).reduce(0) { sum, index in
            let difference = Double(samples[index]) - Double(targets[index])
            return sum + difference * difference
        } / Double(size)
    }
}
