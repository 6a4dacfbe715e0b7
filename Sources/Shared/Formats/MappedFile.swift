import Diagnostics

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A regular file mapped read-only into memory for as long as the object lives.
package final class MappedFile: @unchecked Sendable {
    package let bytes: UnsafeRawBufferPointer

    /// Throws `.noInput` if the file cannot be opened or is not a regular file.
    package init(path: String) throws {
        let descriptor = try Descriptor.open(path)
        defer { close(descriptor) }
        let length = Descriptor.size(of: descriptor) ?? 0
        guard length > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw Failure(.noInput, place: path, systemError())
        }
        bytes = UnsafeRawBufferPointer(start: address, count: length)
    }

    /// Gives back the memory that the pages of a part of the file occupy. The part can be read again.
    ///
    /// - Parameter part: a part of `bytes`. Neighbours that share its first or last page are given back with it.
    package func release(_ part: UnsafeRawBufferPointer) {
        guard let start = part.baseAddress, part.count > 0 else { return }
        let offset = Int(bitPattern: start) % Int(getpagesize())
        madvise(UnsafeMutableRawPointer(mutating: start - offset), part.count + offset, MADV_DONTNEED)
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }
}
