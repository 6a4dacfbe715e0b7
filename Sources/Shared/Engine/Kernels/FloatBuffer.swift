#if canImport(Glibc)
    import Glibc
#endif

/// Uninitialized Floats at a fixed address, aligned to a cache line.
///
/// A large buffer asks the system for huge pages: every evaluation reads a network's weights from end to end, and with
/// small pages each 4 KiB of them costs a walk through the page tables.
final class FloatBuffer: @unchecked Sendable {
    enum Purpose: String {
        case weights = "weights laid out"
        case activations = "activations and scratch"
    }

    let start: MutableFloatPointer
    let count: Int
    private let purpose: Purpose

    private static let hugePage = 1 << 21

    init(count: Int, for purpose: Purpose = .weights) {
        self.count = count
        self.purpose = purpose
        let bytes = max(count, 1) * MemoryLayout<Float>.stride
        let isLarge = bytes >= Self.hugePage
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: isLarge ? roundUp(bytes, to: Self.hugePage) : bytes, alignment: isLarge ? Self.hugePage : 64)
        #if os(Linux)
            if isLarge { madvise(raw, bytes, MADV_HUGEPAGE) }
        #endif
        start = raw.bindMemory(to: Float.self, capacity: max(count, 1))
        Profile.shared.count(purpose, bytes: bytes)
    }

    convenience init(zeros count: Int) {
        self.init(count: count)
        start.update(repeating: 0, count: count)
    }

    deinit {
        UnsafeMutableRawPointer(start).deallocate()
        Profile.shared.count(purpose, bytes: -max(count, 1) * MemoryLayout<Float>.stride)
    }
}
