import Diagnostics
import Formats
import Foundation
import Testing

struct ResourceLocatorTests {
    @Test func looksInThreeFoldersInOrder() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: root) }
        for folder in ["share/ld3", "bin", "mine"] {
            try FileManager.default.createDirectory(atPath: "\(root)/\(folder)", withIntermediateDirectories: true)
        }
        let locator = ResourceLocator(share: "\(root)/mine", executable: "\(root)/bin")
        #expect { try locator.path(of: "net") } throws: { error in
            guard let failure = error as? Failure else { return false }
            return failure.status == .noInput
                && ["mine", "bin/../share/ld3", "bin"].allSatisfy { failure.message.contains("\(root)/\($0)") }
        }
        for folder in ["bin", "share/ld3", "mine"] {
            try Data([1]).write(to: URL(fileURLWithPath: "\(root)/\(folder)/net"))
            let found = URL(fileURLWithPath: try locator.path(of: "net")).standardized.path
            #expect(found == URL(fileURLWithPath: "\(root)/\(folder)/net").standardized.path)
        }
    }

    @Test func findsTheEmbeddedModelFromABuildFolder() throws {
        #expect(try ResourceLocator.standard.path(of: "mnist32-edm.safetensors").hasSuffix("mnist32-edm.safetensors"))
    }
}
