import Diagnostics

/// One reader, the files that it is begun with, and what calls it.
struct Target {
    let name: String
    /// Runs of this target among all are in proportion.
    let weight: Int
    let corpus: [[UInt8]]
    var words: [[UInt8]] = []
    /// Repairs what would hide the reader behind a checksum.
    var repair: ([UInt8]) throws -> [UInt8] = { $0 }
    /// Reads; anything that is thrown must be a `Failure` of one line that blames the input.
    let read: ([UInt8]) throws -> Void

    /// Whether the input was accepted. A refusal of the wrong kind throws.
    func run(_ bytes: [UInt8]) throws -> Bool {
        do {
            try read(repair(bytes))
            return true
        } catch let failure as Failure {
            let statuses: [ExitStatus] = [.data, .usage, .noInput, .cannotCreate]
            guard statuses.contains(failure.status), !failure.description.contains(where: \.isNewline) else {
                throw Mishap(text: "\(name): status \(failure.status.rawValue): \(failure)")
            }
            return false
        }
    }
}

struct Mishap: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}

extension String {
    var bytes: [UInt8] { Array(utf8) }
}
