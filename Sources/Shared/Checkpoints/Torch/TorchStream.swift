import Diagnostics
import Formats

/// The container of torch.save before PyTorch 1.6: five pickles (magic number, protocol version, system, the object,
/// the keys of its storages), then each storage as a count of elements (8 bytes) and its data.
struct TorchStream {
    /// The object. Its storages are persistent identifiers.
    let document: PickleDocument
    private let keys: [String]
    let isBigEndian: Bool
    private let dataStart: Int

    /// The long integer 0x1950a86a20f9469cfc6c as a pickle of protocol 2 writes it, after the version.
    private static let magic: [UInt8] = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]
    private static let version = 1001

    /// Whether the region begins as such a file does.
    static func isStream(_ region: ByteRegion) -> Bool {
        // From protocol 4 on, a frame (0x95 and a length of 8 bytes) comes before the number.
        [2, 11].contains { start in
            (try? region.part(at: start, count: magic.count).starts(with: magic)) == true && region.starts(with: [0x80])
        }
    }

    init(_ region: ByteRegion) throws {
        guard Self.isStream(region) else { throw Failure(.data, "is not a torch.save stream") }
        let magic = try PickleMachine.run(region)
        let version = try PickleMachine.run(region, at: magic.end)
        guard version.integer(version.root) == Self.version else {
            throw Failure(.data, "is a torch.save stream of an unknown version")
        }
        let system = try PickleMachine.run(region, at: version.end)
        isBigEndian = system.value("little_endian", in: system.root) == .boolean(false)
        document = try PickleMachine.run(region, at: system.end, foreign: .kept)
        let list = try PickleMachine.run(region, at: document.end)
        keys = try (list.elements(list.root) ?? []).map { value in
            guard let key = list.string(value) ?? list.integer(value).map(String.init) else {
                throw Failure(.data, "the list of storages is corrupt")
            }
            return key
        }
        dataStart = list.end
    }

    /// Returns the bytes of every storage by its key. Throws `.data` if the stream is cut short or contradicts itself.
    func storages() throws -> [String: ByteRegion] {
        let types = try document.storageTypes()
        var position = dataStart
        var regions: [String: ByteRegion] = [:]
        for key in keys {
            guard let type = types[key] else { throw Failure(.data, "storage \(key) belongs to no tensor") }
            let count: UInt64 = try document.region.integer(at: position)
            let (size, overflow) = count.multipliedReportingOverflow(by: UInt64(type?.size ?? 1))
            guard !overflow, let size = Int(exactly: size) else { throw Failure(.data, "storage \(key) is too large") }
            regions[key] = try locating("storage \(key)") { try document.region.part(at: position + 8, count: size) }
            position += 8 + size
        }
        return regions
    }

    /// Returns the storage of a stream whose object is one storage; tensors inside other pickles are kept so.
    func singleStorage() throws -> StoredTensor.Storage {
        guard var storage = try document.persistentStorage(document.root), case .key(let key) = storage.place,
            let region = try storages()[key]
        else { throw Failure(.data, "the nested torch.save stream holds no storage") }
        storage.place = .region(region)
        storage.isBigEndian = isBigEndian
        return storage
    }
}
