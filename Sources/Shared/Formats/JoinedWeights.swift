import Diagnostics

/// The tensors of several files as those of one.
package struct JoinedWeights: WeightSource {
    package let tensorNames: [String]
    package let unread: [UnreadTensor]
    package let remarks: [String]
    /// The configuration of the first file that has one.
    package let configuration: String?
    private let sources: [any WeightSource]
    /// The number of the file that has a tensor.
    private let places: [String: Int]

    /// Throws `.data` if two files have one tensor.
    package init(_ sources: [any WeightSource]) throws {
        var (names, places): ([String], [String: Int]) = ([], [:])
        for (place, source) in sources.enumerated() {
            for name in source.tensorNames {
                guard places.updateValue(place, forKey: name) == nil else {
                    throw Failure(.data, place: "tensor `\(name)`", "is in two files of one network")
                }
                names.append(name)
            }
        }
        (tensorNames, self.places, self.sources) = (names, places, sources)
        unread = sources.flatMap(\.unread)
        remarks = sources.flatMap(\.remarks)
        configuration = sources.lazy.compactMap(\.configuration).first
    }

    private func source(of name: String) -> (any WeightSource)? { places[name].map { sources[$0] } }

    package func type(of name: String) -> DataType? { source(of: name)?.type(of: name) }
    package func shape(of name: String) -> [Int]? { source(of: name)?.shape(of: name) }

    package func floats(_ name: String) throws -> [Float] {
        guard let source = source(of: name) else { throw missing(name) }
        return try source.floats(name)
    }

    package func withFloats(_ name: String, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws {
        guard let source = source(of: name) else { throw missing(name) }
        try source.withFloats(name, body)
    }
}
