import Diagnostics
import Formats

/// The weights of channels that LPIPS learned, one tensor for each tap: `lin0.model.1.weight` [1, C, 1, 1] and so on.
package struct PerceptualWeights: Sendable {
    package let architecture: PerceptualTrunk.Architecture
    /// The weights by tap and channel.
    package let values: [[Float]]

    /// Reads the weights. The numbers of channels tell the backbone; throws `.data` if no backbone has them.
    package init(_ source: any WeightSource) throws {
        var values: [[Float]] = []
        while let name = Self.name(values.count, in: source) {
            let weights = try source.floats(name)
            guard weights.allSatisfy({ $0.isFinite && $0 >= 0 }) else {
                throw Failure(.data, place: name, "a weight is negative or no finite number")
            }
            values.append(weights)
        }
        let counts = values.map(\.count)
        guard let found = PerceptualTrunk.Architecture.allCases.first(where: { $0.tapChannels == counts }) else {
            throw Failure(
                .data, "holds no LPIPS weights: `lin0.model.1.weight` and so on have \(counts) channels",
                suggestion: "vgg has [64, 128, 256, 512, 512]")
        }
        architecture = found
        self.values = values
    }

    private static func name(_ tap: Int, in source: any WeightSource) -> String? {
        let name = "lin\(tap).model.1.weight"
        return source.shape(of: name) != nil ? name : nil
    }
}
