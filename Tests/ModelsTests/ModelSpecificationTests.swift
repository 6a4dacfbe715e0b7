import Diagnostics
import Models
import Testing

struct ModelSpecificationTests {
    @Test(arguments: [
        ("mnist32", ModelSpecification.embedded(.mnist32)), ("digits64", .embedded(.digits64)),
        ("net.pkl", .checkpoint(path: "net.pkl")),
        ("./gmm:odd", .checkpoint(path: "./gmm:odd")),
        ("gaussian:shape=8", .gaussian(shape: [8], mean: 0, deviation: 0.5)),
        ("gaussian:mean=-1,shape=3,32,32,std=2", .gaussian(shape: [3, 32, 32], mean: -1, deviation: 2)),
        ("gmm:a.safetensors", .mixture(path: "a.safetensors")),
        ("points:a.safetensors", .points(path: "a.safetensors")),
        ("exec:python3 a.py --b=c:d", .foreign(command: "python3 a.py --b=c:d")),
        ("random:cifar10", .random(architecture: "cifar10")),
    ])
    func grammar(text: String, expected: ModelSpecification) throws {
        #expect(try ModelSpecification(text) == expected)
    }

    @Test(arguments: [
        "", "gaussian:", "gaussian:mean=0", "gaussian:shape=0", "gaussian:shape=8,std=0", "gaussian:shape=8,std=nan",
        "gaussian:shape=8,shape=9", "gaussian:shape=8,width=3", "gaussian:8", "gaussian:shape=8,mean=1,2", "gmm:",
        "points:", "exec:", "random:",
    ])
    func misspelt(text: String) {
        #expect { try ModelSpecification(text) } throws: { ($0 as? Failure)?.status == .usage }
    }
}
