import Diagnostics
import Synchronization

/// A value that is made when it is first asked for, such as a network whose weights one program never reads.
final class Deferred<Value: Sendable>: Sendable {
    private let places: TensorPlaces
    private let make: @Sendable () throws -> Value
    private let made = Mutex<Value?>(nil)

    /// - Parameter places: the files of which the value is made, for messages.
    init(in places: TensorPlaces, _ make: @escaping @Sendable () throws -> Value) {
        self.places = places
        self.make = make
    }

    /// Returns the value. Throws what making it throws, with the names of the file.
    func value() throws -> Value {
        try made.withLock { made in
            if let made { return made }
            let value = try places.locating(make)
            made = value
            return value
        }
    }
}
