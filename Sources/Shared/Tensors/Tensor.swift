/// A number type that a tensor may hold: Float in networks, Double in analytic denoisers, schedules and tests.
package protocol TensorElement: BinaryFloatingPoint, SIMDScalar, Codable, Sendable {}

extension Float: TensorElement {}
extension Double: TensorElement {}

/// A dense row-major array of any rank, 64-byte aligned, with value semantics (copied on write).
///
/// The first dimension of a batch numbers its samples. No function here assumes images.
package struct Tensor<Element: TensorElement>: Sendable {
    package private(set) var shape: [Int]
    private var storage: AlignedStorage<Element>

    package var count: Int { storage.count }

    /// Makes a tensor of uninitialized memory; `fill` must write every element.
    package init(shape: [Int], fill: (UnsafeMutableBufferPointer<Element>) throws -> Void) rethrows {
        self.shape = shape
        storage = AlignedStorage(count: shape.reduce(1, *))
        try fill(storage.elements)
    }

    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package init(shape: [Int], repeating value: Element = 0) {
        self.init(shape: shape) { $0.update(repeating: value) }
    }

    /// Copies `elements`, which must be as many as `shape` says.
    package init(shape: [Int], elements: some Collection<Element>) {
        precondition(elements.count == shape.reduce(1, *), "\(elements.count) elements for shape \(shape)")
        self.init(shape: shape) { _ = $0.update(fromContentsOf: elements) }
    }

    /// The elements in row-major order.
    package var elements: [Element] { withElements { Array($0) } }

    /// The bytes of the elements, in the processor's byte order.
    package var bytes: [UInt8] { withElements { Array(UnsafeRawBufferPointer($0)) } }

    package func withElements<Result>(_ body: (UnsafeBufferPointer<Element>) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(storage) { try body(UnsafeBufferPointer(storage.elements)) }
    }

    package mutating func withMutableElements<Result>(
        _ body: (UnsafeMutableBufferPointer<Element>) throws -> Result
    ) rethrows -> Result {
        if !isKnownUniquelyReferenced(&storage) { storage = AlignedStorage(copying: storage) }
        return try withExtendedLifetime(storage) { try body(storage.elements) }
    }

    package subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count)
            return withElements { $0[index] }
        }
        set {
            precondition(index >= 0 && index < count)
            withMutableElements { $0[index] = newValue }
        }
    }

    package func reshaped(_ newShape: [Int]) -> Tensor {
        precondition(newShape.reduce(1, *) == count, "cannot reshape \(shape) to \(newShape)")
        var result = self
        result.shape = newShape
        return result
    }

    @specialized(where Element == Float, Other == Float)
    @specialized(where Element == Float, Other == Double)
    @specialized(where Element == Double, Other == Float)
    @specialized(where Element == Double, Other == Double)
    package func map<Other: TensorElement>(_ transform: (Element) -> Other) -> Tensor<Other> {
        Tensor<Other>(shape: shape) { target in
            withElements { source in for index in source.indices { target[index] = transform(source[index]) } }
        }
    }

    package func converted<Other: TensorElement>(to type: Other.Type = Other.self) -> Tensor<Other> {
        if let same = self as? Tensor<Other> { return same }
        if let floats = self as? Tensor<Float>, let doubles = floats.map({ Double($0) }) as? Tensor<Other> {
            return doubles
        }
        if let doubles = self as? Tensor<Double>, let floats = doubles.map({ Float($0) }) as? Tensor<Other> {
            return floats
        }
        return map { Other($0) }
    }
}

// MARK: - Batches

extension Tensor {
    /// Samples in the batch: the first dimension.
    package var batch: Int { shape.first ?? 1 }
    /// The shape of one sample.
    package var sampleShape: [Int] { Array(shape.dropFirst()) }
    /// Elements of one sample.
    package var sampleCount: Int { sampleShape.reduce(1, *) }

    /// Returns a copy of the samples `range`.
    package func samples(_ range: Range<Int>) -> Tensor {
        precondition(range.lowerBound >= 0 && range.upperBound <= batch)
        let size = sampleCount
        return Tensor(shape: [range.count] + sampleShape) { target in
            withElements { source in
                target.copy(source[range.lowerBound * size..<range.upperBound * size], to: 0)
            }
        }
    }

    /// Returns the samples at `indices`, in that order.
    package func gather(_ indices: [Int]) -> Tensor {
        let size = sampleCount
        return Tensor(shape: [indices.count] + sampleShape) { target in
            withElements { source in
                for (row, index) in indices.enumerated() {
                    precondition(index >= 0 && index < batch)
                    target.copy(source[index * size..<(index + 1) * size], to: row * size)
                }
            }
        }
    }

    /// Replaces the samples at `indices` by the samples of `other`.
    package mutating func scatter(_ other: Tensor, to indices: [Int]) {
        precondition(other.batch == indices.count && other.sampleShape == sampleShape)
        let (size, last) = (sampleCount, batch)
        withMutableElements { target in
            other.withElements { source in
                for (row, index) in indices.enumerated() {
                    precondition(index >= 0 && index < last)
                    target.copy(source[row * size..<(row + 1) * size], to: index * size)
                }
            }
        }
    }

    /// Returns one batch of all samples of `parts`, which have one sample shape.
    package static func concatenate(_ parts: [Tensor]) -> Tensor {
        guard let first = parts.first else { return Tensor(shape: [0]) }
        precondition(parts.allSatisfy { $0.sampleShape == first.sampleShape })
        return Tensor(shape: [parts.reduce(0) { $0 + $1.batch }] + first.sampleShape) { target in
            var offset = 0
            for part in parts {
                part.withElements { target.copy($0[...], to: offset) }
                offset += part.count
            }
        }
    }
}

extension UnsafeMutableBufferPointer {
    /// Copies a whole stretch of memory at once; a generic loop would copy each element by itself.
    fileprivate func copy(_ source: Slice<UnsafeBufferPointer<Element>>, to start: Int) {
        let stretch = UnsafeMutableBufferPointer(rebasing: self[start..<start + source.count])
        _ = stretch.update(fromContentsOf: UnsafeBufferPointer(rebasing: source))
    }
}

extension Tensor: Equatable {
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package static func == (left: Tensor, right: Tensor) -> Bool {
        left.shape == right.shape
            && left.withElements { a in right.withElements { b in a.elementsEqual(b) } }
    }
}

/// Memory of a fixed length, aligned to a cache line and to the widest vector.
private final class AlignedStorage<Element: TensorElement>: @unchecked Sendable {
    let elements: UnsafeMutableBufferPointer<Element>
    var count: Int { elements.count }

    init(count: Int) {
        let bytes = max(count, 1) * MemoryLayout<Element>.stride
        let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        elements = UnsafeMutableBufferPointer(start: raw.bindMemory(to: Element.self, capacity: count), count: count)
    }

    convenience init(copying other: AlignedStorage) {
        self.init(count: other.count)
        _ = elements.update(fromContentsOf: other.elements)
    }

    deinit { UnsafeMutableRawPointer(elements.baseAddress)?.deallocate() }
}
