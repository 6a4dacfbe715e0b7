import Diagnostics
import Synchronization

/// The container of torch.save since PyTorch 1.6: a zip archive with `NAME/data.pkl`, `NAME/byteorder` and the
/// storages `NAME/data/KEY`.
final class TorchArchive: Sendable {
    let document: PickleDocument
    let isBigEndian: Bool
    private let archive: ZipArchive
    private let folder: String
    /// The storages that have matched their checksum. Deflated ones are kept inflated.
    private let checked = Mutex<[String: ByteRegion]>([:])

    private static let maximumPickle = 1 << 28

    init(_ archive: ZipArchive) throws {
        let pickles = archive.members.filter {
            $0.name.hasSuffix("/data.pkl") && $0.name.count { $0 == "/" } == 1
        }
        guard let member = pickles.first, pickles.count == 1, member.count <= Self.maximumPickle else {
            let names = archive.members.prefix(4).map(\.name).joined(separator: ", ")
            throw Failure(.data, "a zip archive without PyTorch's data.pkl (it holds \(names), ...)")
        }
        self.archive = archive
        folder = String(member.name.dropLast("data.pkl".count))
        isBigEndian =
            try archive[folder + "byteorder"].map { try archive.contents(of: $0).starts(with: Array("big".utf8)) }
            ?? false
        let pickle = try archive.contents(of: member)
        document = try locating(member.name) { try PickleMachine.run(pickle, foreign: .kept) }
    }

    /// Returns the bytes of the storage `key`. Compares them with their CRC-32 the first time.
    func storage(_ key: String) throws -> ByteRegion {
        if let known = checked.withLock({ $0[key] }) { return known }
        let region = try archive.contents(of: member(key))
        checked.withLock { $0[key] = region }
        return region
    }

    /// Returns the member that holds the storage `key`. Throws `.data` if there is none.
    func member(_ key: String) throws -> ZipArchive.Member {
        guard let member = archive["\(folder)data/\(key)"] else { throw Failure(.data, "storage \(key) is missing") }
        return member
    }
}
