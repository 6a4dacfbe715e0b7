import Diagnostics
import Formats

/// A tensor as a checkpoint describes it: a strided view of a storage. `init` checks that it lies inside the storage.
package struct StoredTensor: Sendable {
    /// The elements of a storage and the place of its bytes.
    package struct Storage: Sendable {
        package enum Place: Sendable {
            /// A key that the container resolves.
            case key(String)
            case region(ByteRegion)
        }

        package var place: Place
        /// The element type; nil for an untyped storage, which counts bytes.
        package var type: DataType?
        package var count: Int
        package var isBigEndian = false
    }

    package let type: DataType
    package let shape: [Int]
    let storage: Storage
    /// The first element of the view in the storage.
    private let offset: Int
    /// The distance of neighbours along each dimension, in elements; 0 in expanded dimensions.
    private let strides: [Int]

    /// The largest number of elements of a tensor that repeats elements of a smaller storage.
    private static let maximumExpanded = 1 << 20

    /// Throws `.data` if shape and strides do not fit each other, or if the view does not lie in the storage.
    init(storage: Storage, type: DataType, offset: Int, shape: [Int], strides: [Int], name: String) throws {
        let fault = { (what: String) in Failure(.data, "tensor `\(name)` \(what)") }
        let size = try type.byteCount(of: shape, tensor: name)
        let elements = storage.type == nil ? storage.count / type.size : storage.count
        guard shape.count == strides.count, strides.allSatisfy({ $0 >= 0 }), offset >= 0, storage.count >= 0 else {
            throw fault("has strides \(strides) and offset \(offset), which are not possible for shape \(shape)")
        }
        var last = offset
        for (dimension, stride) in zip(shape, strides) where dimension > 1 {
            let (reach, overflow) = (dimension - 1).multipliedReportingOverflow(by: stride)
            let (sum, carry) = last.addingReportingOverflow(reach)
            guard !overflow, !carry else { throw fault("reaches beyond all storages") }
            last = sum
        }
        guard size == 0 || last < elements else {
            throw fault("reaches element \(last) of a storage that has \(elements)")
        }
        guard size / type.size <= max(elements, Self.maximumExpanded) else {
            throw fault("expands \(elements) elements to \(size / type.size)")
        }
        (self.type, self.shape, self.storage, self.offset, self.strides) = (type, shape, storage, offset, strides)
    }

    var count: Int { shape.reduce(1, *) }

    private var isContiguous: Bool {
        var due = 1
        for (dimension, stride) in zip(shape, strides).reversed() where dimension != 1 {
            guard stride == due else { return false }
            due *= dimension
        }
        return true
    }

    /// Throws `.data` if a storage of `bytes` bytes is shorter than its description says.
    func checkStorage(bytes: Int) throws {
        guard storage.count <= bytes / (storage.type?.size ?? 1) else {
            throw Failure(
                .data, "the storage has \(counted(bytes, "byte")), too few for \(counted(storage.count, "element"))")
        }
    }

    /// Returns the elements in row-major order, little-endian. `region` holds the bytes of the storage.
    func bytes(in region: ByteRegion, isBigEndian: Bool) throws -> ByteRegion {
        guard count > 0 else { return ByteRegion([]) }
        try checkStorage(bytes: region.count)
        let size = type.size
        let view = try region.part(at: offset * size, count: (reach + 1) * size)
        if isContiguous && (!isBigEndian || size == 1) { return view }
        var output: [UInt8] = []
        output.reserveCapacity(count * size)
        view.withBytes { source in
            forEachPosition { position in
                let element = source[position * size..<(position + 1) * size]
                if isBigEndian { output += element.reversed() } else { output += element }
            }
        }
        return ByteRegion(output)
    }

    /// The number of elements between the first and the last that the view touches; checked in `init`.
    private var reach: Int { zip(shape, strides).reduce(0) { $0 + ($1.0 - 1) * $1.1 } }

    /// Calls `body` with the place of each element, relative to the first, in row-major order.
    private func forEachPosition(_ body: (Int) -> Void) {
        var index = [Int](repeating: 0, count: shape.count)
        var position = 0
        for _ in 0..<count {
            body(position)
            for axis in shape.indices.reversed() {
                index[axis] += 1
                position += strides[axis]
                if index[axis] < shape[axis] { break }
                position -= index[axis] * strides[axis]
                index[axis] = 0
            }
        }
    }
}
