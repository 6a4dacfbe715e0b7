import Diagnostics

/// The name of a set of weights, for a model whose files hold several: `ema` and `raw` of a file, or the variant of a folder of
/// diffusers that stands in the names of its files, such as `fp16`.
package struct WeightSet: RawRepresentable, Hashable, Sendable {
    package let rawValue: String

    /// The averages over training.
    package static let averaged = WeightSet(checked: "ema")
    /// The weights of the last step of training.
    package static let raw = WeightSet(checked: "raw")

    private init(checked name: String) { rawValue = name }

    /// Returns nil if `rawValue` could not stand between the points of a file's name.
    package init?(rawValue: String) {
        guard rawValue.wholeMatch(of: /[A-Za-z0-9_-]{1,32}/) != nil else { return nil }
        self.init(checked: rawValue)
    }

    /// Makes the set of a name. Throws `usage` if no set can have the name.
    package init(spelling: String) throws {
        guard let set = WeightSet(rawValue: spelling) else {
            throw Failure(.usage, "\(spelling.quoted(limit: 40)) is no name of weights, such as ema, raw or fp16")
        }
        self = set
    }
}
