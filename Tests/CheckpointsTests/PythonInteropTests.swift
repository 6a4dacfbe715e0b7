import Checkpoints
import Formats
import TestSupport
import Testing

/// Python's own libraries read our files, and we read theirs.
@Suite struct PythonInteropTests {
    private static let hasPython = Programs.exists("python3")
    private static let hasNumPy = hasPython && (try? Programs.shell("python3 -c 'import numpy'"))?.status == 0

    private let tensors = [
        NamedTensor(name: "mu", shape: [3], doubles: [1, -2, 0.5]),
        NamedTensor(name: "image", type: .uint8, shape: [1, 2, 2], bytes: [0, 1, 254, 255]),
        NamedTensor(name: "seeds", shape: [2, 2], int64s: [0, 4, 7, 1 << 40]),
        NamedTensor(name: "h", shape: [2, 1], floats: [1.5, -3]),
    ]

    private func run(_ script: String, in folder: TemporaryFolder) throws -> String {
        try folder.write(script.utf8, to: "script.py")
        let result = try Programs.shell("cd '\(folder.path)' && python3 script.py")
        #expect(result.status == 0, "\(result.errors)")
        return String(decoding: result.output, as: UTF8.self)
    }

    @Test(.enabled(if: hasNumPy, "python3 with numpy is not there"))
    func numpyReadsOurArchives() throws {
        let folder = try TemporaryFolder()
        try folder.write(NPZFile.serialize(tensors), to: "ours.npz")
        let script = """
            import numpy
            f = numpy.load('ours.npz', allow_pickle=False)
            print(f.files, f['mu'].tolist(), f['image'].dtype, f['image'].shape, f['seeds'].tolist(), f['h'].tolist())
            """
        #expect(
            try run(script, in: folder) == """
                ['mu', 'image', 'seeds', 'h'] [1.0, -2.0, 0.5] uint8 (1, 2, 2) [[0, 4], [7, 1099511627776]] [[1.5], [-3.0]]

                """)
    }

    @Test(.enabled(if: hasNumPy, "python3 with numpy is not there"), arguments: ["savez", "savez_compressed"])
    func weReadArchivesOfTheInstalledNumPy(function: String) throws {
        let folder = try TemporaryFolder()
        let script = """
            import numpy
            numpy.\(function)('theirs.npz', mu=numpy.arange(6.).reshape(2, 3), big=numpy.zeros(100000, numpy.float32),
                flags=numpy.array([True, False]), sigma=numpy.asfortranarray(numpy.arange(4, dtype='i4').reshape(2, 2)))
            """
        _ = try run(script, in: folder)
        let file = try NPZFile(path: folder.file("theirs.npz"))
        #expect(try file.array("mu").doubles() == [0, 1, 2, 3, 4, 5] && file.array("mu").shape == [2, 3])
        #expect(try file.array("sigma").int64s() == [0, 1, 2, 3])
        #expect(try file.array("flags").floats() == [1, 0])
        #expect(try file.array("big").floats().allSatisfy { $0 == 0 })
    }

    /// EDM2 keeps statistics so: a pickle of a dictionary of dictionaries of arrays. Every protocol is read.
    @Test(.enabled(if: hasNumPy, "python3 with numpy is not there"), arguments: 2...5)
    func weReadPickledArrays(version: Int) throws {
        let folder = try TemporaryFolder()
        let script = """
            import numpy, pickle
            stats = {'fid': {'mu': numpy.array([1., 2.5]), 'sigma': numpy.arange(4.).reshape(2, 2).T}, 'num': 7}
            pickle.dump(stats, open('stats.pkl', 'wb'), protocol=\(version))
            """
        _ = try run(script, in: folder)
        let source = try CheckpointFile.open(folder.file("stats.pkl"))
        #expect(source.tensorNames == ["fid.mu", "fid.sigma"])
        #expect(try source.floats("fid.mu") == [1, 2.5])
        #expect(try source.floats("fid.sigma") == [0, 2, 1, 3])
    }

    /// Even without PyTorch, Python shows that zip archive and pickle are as it expects.
    @Test(.enabled(if: hasPython, "python3 is not there"))
    func pythonUnpicklesOurTorchFiles() throws {
        let folder = try TemporaryFolder()
        try folder.write(TorchWriter.serialize([tensors[3]]), to: "ours.pt")
        let script = """
            import pickle, zipfile
            class Unpickler(pickle.Unpickler):
                def find_class(self, module, name):
                    return dict if name == 'OrderedDict' else (lambda *arguments: arguments) if name.startswith('_') else name
                def persistent_load(self, identifier):
                    return identifier
            archive = zipfile.ZipFile('ours.pt')
            print(archive.testzip(), Unpickler(archive.open('archive/data.pkl')).load(), archive.read('archive/data/0'))
            """
        #expect(
            try run(script, in: folder) == """
                None {'h': (('storage', 'FloatStorage', '0', 'cpu', 2), 0, (2, 1), (1, 1), False, {})} \
                b'\\x00\\x00\\xc0?\\x00\\x00@\\xc0'

                """)
    }
}
