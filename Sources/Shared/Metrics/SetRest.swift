import Diagnostics

/// Samples behind the last whole set of `size`.
package struct SetRest {
    package let size: Int
    /// The samples in words: "3 clouds".
    package let samples: String
    /// Whether there is a whole set; if not, the rest is taken as one set.
    package let hasSets: Bool

    package init(of size: Int, samples: String, hasSets: Bool) {
        (self.size, self.samples, self.hasSets) = (size, samples, hasSets)
    }

    /// Returns what becomes of the rest of the set called `name`.
    package func warning(_ name: String) -> String {
        hasSets
            ? "\(name): \(samples) left over behind the last whole set of \(size), and left out"
            : "\(name): \(samples) in all, less than a set of \(size); taken as one set"
    }
}
