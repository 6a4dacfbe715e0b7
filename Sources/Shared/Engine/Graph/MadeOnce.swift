import Synchronization

/// A value that the first caller makes and everybody else finds.
final class MadeOnce<Value: Sendable>: Sendable {
    private let stored = Mutex<Value?>(nil)

    /// Makes the value unless it is there. Throws what `make` throws.
    func prepare(_ make: () throws -> Value) rethrows {
        try stored.withLock { if $0 == nil { $0 = try make() } }
    }

    var value: Value? { stored.withLock { $0 } }
}
