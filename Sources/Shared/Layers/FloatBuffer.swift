/// Floats at a fixed address, aligned to a cache line, uninitialised.
final class FloatBuffer: @unchecked Sendable {
    let start: Pointer
    let count: Int

    init(count: Int) {
        self.count = count
        start = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
            .bindMemory(to: Float.self, capacity: max(count, 1))
    }

    /// The elements, padded with zeros to `count`.
    convenience init(_ elements: [Float], paddedTo count: Int) {
        self.init(count: count)
        for index in 0..<count { start[index] = index < elements.count ? elements[index] : 0 }
    }

    convenience init(zeros count: Int) {
        self.init(count: count)
        start.update(repeating: 0, count: count)
    }

    deinit { UnsafeMutableRawPointer(start).deallocate() }
}
