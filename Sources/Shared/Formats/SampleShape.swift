/// The largest number of elements of one sample, 1 GiB of Float. A larger shape is a mistake, and its product could
/// overflow.
package let sampleElementLimit = 1 << 28

/// Whether one sample may have this shape: 1 to 8 positive sizes, at most `sampleElementLimit` elements.
package func isSampleShape(_ shape: [Int]) -> Bool {
    guard (1...8).contains(shape.count) else { return false }
    var count = 1
    for size in shape {
        guard size > 0, size <= sampleElementLimit / count else { return false }
        count *= size
    }
    return true
}

/// Whether a sample of this shape is a point cloud: [N, 3] with more than 3 points.
package func isCloudShape(_ shape: [Int]) -> Bool { shape.count == 2 && shape[0] > 3 && shape[1] == 3 }
