/// Values, each of which is kept once.
package struct Distinct<Value: Hashable> {
    /// Each value once, in the order of first places.
    package private(set) var values: [Value] = []
    /// The place in `values` of each value that was given.
    package private(set) var places: [Int] = []

    package init(_ given: some Sequence<Value>) {
        var known: [Value: Int] = [:]
        for value in given {
            let place = known[value] ?? values.count
            if place == values.count {
                known[value] = place
                values.append(value)
            }
            places.append(place)
        }
    }
}

extension Distinct: Sendable where Value: Sendable {}
extension Distinct: Equatable {}
