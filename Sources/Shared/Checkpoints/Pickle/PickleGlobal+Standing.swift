/// Sorts the names that a pickle may use. Nothing named is ever run; the lists say what the readers understand, and
/// which names show that a file was made to do harm.
extension PickleGlobal {
    package enum Standing: Sendable {
        /// Understood, or harmless as a record: containers, tensors, NumPy values, torch modules.
        case allowed
        /// A class of another program; training frameworks leave such classes in checkpoints.
        case foreign
        /// A name that is needed only by a pickle that wants to run code.
        case refused
    }

    package var standing: Standing {
        if Self.allowed.contains(self) || isStorageType || isTorchType || isModuleClass || isNumPyType {
            return .allowed
        }
        let package = String(module.prefix { $0 != "." })
        if Self.harmfulModules.contains(package) { return .refused }
        if Self.builtinModules.contains(module) {
            if Self.allowedBuiltins.contains(name) { return .allowed }
            return name == "getattr" ? .foreign : .refused
        }
        return .foreign
    }

    /// Whether this is a dictionary, or a subclass whose items come as entries.
    package var isDictionary: Bool { Self.dictionaries.contains(self) || isBuiltin("dict") }

    private func isBuiltin(_ name: String) -> Bool { Self.builtinModules.contains(module) && self.name == name }

    /// Whether this is a storage class such as `torch.FloatStorage`.
    private var isStorageType: Bool {
        (module == "torch" || module == "torch.cuda" || module == "torch.storage") && name.hasSuffix("Storage")
    }

    /// Whether this is a type or a layout such as `torch.float32` or `torch.strided`.
    private var isTorchType: Bool {
        module == "torch" && (TorchType.named(name) != nil || name == "strided" || name == "contiguous_format")
    }

    private var isModuleClass: Bool { module.hasPrefix("torch.nn.") }

    private var isNumPyType: Bool {
        module == "numpy.dtypes"
            || module == "numpy" && (name.hasSuffix("64") || name.hasSuffix("32") || name.hasSuffix("16"))
    }

    private static let builtinModules: Set = ["builtins", "__builtin__"]
    private static let allowedBuiltins: Set = [
        "set", "frozenset", "list", "dict", "tuple", "int", "long", "float", "complex", "bool", "str", "unicode",
        "bytes", "bytearray", "object", "slice", "range", "xrange",
    ]

    private static let dictionaries: Set<PickleGlobal> = [
        .init("collections", "OrderedDict"), .init("collections", "defaultdict"), .init("collections", "Counter"),
        .init("dnnlib.util", "EasyDict"), .init("dnnlib", "EasyDict"),
    ]

    private static let allowed: Set<PickleGlobal> = dictionaries.union([
        .init("collections", "deque"), .init("types", "SimpleNamespace"), .init("argparse", "Namespace"),
        .init("copyreg", "_reconstructor"), .init("copy_reg", "_reconstructor"), .init("_codecs", "encode"),
        .init("numpy", "dtype"), .init("numpy", "ndarray"),
        .init("numpy.core.multiarray", "scalar"), .init("numpy._core.multiarray", "scalar"),
        .init("numpy.core.multiarray", "_reconstruct"), .init("numpy._core.multiarray", "_reconstruct"),
        .init("numpy.core.numeric", "_frombuffer"), .init("numpy._core.numeric", "_frombuffer"),
        .init("torch", "Size"), .init("torch", "device"), .init("torch", "Tensor"),
        .init("torch._utils", "_rebuild_tensor"), .init("torch._utils", "_rebuild_tensor_v2"),
        .init("torch._utils", "_rebuild_tensor_v3"), .init("torch._utils", "_rebuild_parameter"),
        .init("torch._utils", "_rebuild_parameter_with_state"), .init("torch._tensor", "_rebuild_from_type_v2"),
        .init("torch.storage", "_load_from_bytes"), .init("torch.serialization", "_get_layout"),
        .init("torch_utils.persistence", "_reconstruct_persistent_obj"),
    ])

    private static let harmfulModules: Set = [
        "os", "posix", "nt", "sys", "subprocess", "shutil", "socket", "runpy", "importlib", "imp", "pickle", "cPickle",
        "_pickle", "marshal", "ctypes", "_ctypes", "cffi", "pty", "commands", "code", "codeop", "types", "operator",
        "_operator", "webbrowser", "http", "httplib", "urllib", "urllib2", "requests", "asyncio", "multiprocessing",
        "signal", "tempfile", "pip", "ensurepip", "distutils", "setuptools", "site", "inspect", "pydoc", "pdb", "bdb",
        "profile", "cProfile", "timeit", "trace", "doctest", "linecache", "gc", "platform", "idlelib", "lib2to3", "io",
        "_io", "ftplib", "smtplib", "telnetlib", "xmlrpc", "ssl",
    ]
}
