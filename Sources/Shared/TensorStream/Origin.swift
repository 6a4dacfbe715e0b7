/// An input of a program, with the metadata that tell which model and which process made it.
package struct Origin: Sendable {
    package var place: String
    package var metadata: [String: String]

    package init(place: String, metadata: [String: String]) {
        self.place = place
        self.metadata = metadata
    }
}
