import Diagnostics
import Synchronization

/// A value that is made when it is first asked for, such as a network whose weights one program never reads.
final class Deferred<Value: Sendable>: Sendable {
    private let path: String
    private let make: @Sendable () throws -> Value
    private let made = Mutex<Value?>(nil)

    /// - Parameter path: the file of which the value is made, for messages.
    init(of path: String, _ make: @escaping @Sendable () throws -> Value) {
        self.path = path
        self.make = make
    }

    /// Returns the value. Throws what making it throws, with the name of the file.
    func value() throws -> Value {
        try made.withLock { made in
            if let made { return made }
            let value = try locating(path, make)
            made = value
            return value
        }
    }
}
