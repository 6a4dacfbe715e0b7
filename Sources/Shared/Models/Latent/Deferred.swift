import Synchronization

/// A value that is made when it is first asked for, such as a network whose weights one program never reads.
final class Deferred<Value: Sendable>: Sendable {
    private let make: @Sendable () throws -> Value
    private let made = Mutex<Value?>(nil)

    init(_ make: @escaping @Sendable () throws -> Value) { self.make = make }

    /// Returns the value. Throws what making it throws.
    func value() throws -> Value {
        try made.withLock { made in
            if let made { return made }
            let value = try make()
            made = value
            return value
        }
    }
}
