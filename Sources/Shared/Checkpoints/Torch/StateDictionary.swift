import Diagnostics
import Formats

/// The tensors of a checkpoint under the names of PyTorch's state dictionaries. A file may keep them as a dictionary of
/// tensors, as one that is nested under a usual key, or as the modules of a pickled network.
struct StateDictionary {
    private(set) var names: [String] = []
    private(set) var tensors: [String: StoredTensor] = [:]
    /// The key under which the weights were found, for example `ema`; nil if they are at the top.
    private(set) var key: String?
    /// The value that holds the weights.
    private(set) var root: PickleValue

    /// The tensors of element types that are not read.
    private(set) var unread: [UnreadTensor] = []
    /// A note for the user about the choice among several sets of weights.
    private(set) var remarks: [String] = []

    private let document: PickleDocument
    private var visits = 0

    /// The keys under which checkpoints keep weights beside other things. Averaged weights come first.
    private static let keys = [
        "ema", "model_ema", "ema_state_dict", "params_ema", "G_ema", "state_dict", "model_state_dict", "model", "net",
        "network", "module", "params", "weights",
    ]
    private static let maximumDepth = 64
    /// The largest number of values that are looked at. A shared container is looked at once for each path that leads
    /// to it.
    private static let maximumVisits = 1 << 20

    init(_ document: PickleDocument) throws {
        self.document = document
        root = document.root
        let averages = document.holdsTensors(root) ? nil : choose(among: WeightPlaces(document, root: root).all)
        try collect(root, path: [])
        if let averages { try take(averages) }
        guard names.isEmpty else { return }
        if let tensor = unread.first {
            throw Failure(.data, "tensor `\(tensor.name)` is of type `\(tensor.type)`, which is not read")
        }
        if let global = document.foreignGlobals.first {
            throw Failure(.data, "no tensors found, and `\(global)` is not a class that is read")
        }
        throw Failure(.data, "no tensors found")
    }

    /// Sets `root` and `key` to the weights that are read: averaged ones if there are any. Returns the list of averages that is
    /// to replace plain weights, if that is how the file keeps them.
    private mutating func choose(among places: [WeightPlaces.Place]) -> WeightPlaces.Place? {
        func rank(_ place: WeightPlaces.Place) -> Int { Self.keys.firstIndex(of: place.path[0]) ?? Self.keys.count }
        let averaged = places.filter { $0.isAveraged && !$0.isList }.sorted { rank($0) < rank($1) }
        let plain = places.filter { !$0.isAveraged && !$0.isList && $0.path.count == 1 && rank($0) < Self.keys.count }
        guard let chosen = averaged.first ?? plain.min(by: { rank($0) < rank($1) }) else { return nil }
        (key, root) = (chosen.key, chosen.value)
        if averaged.count > 1 {
            let others = averaged.dropFirst().prefix(4).map { "`\($0.key)`" }.joined(separator: ", ")
            remarks.append("holds averaged weights under `\(chosen.key)`, which are used, and under \(others)")
        }
        return averaged.isEmpty ? places.first { $0.isAveraged && $0.isList } : nil
    }

    /// Replaces the parameters by their averages, which the file keeps as a list in their order.
    private mutating func take(_ list: WeightPlaces.Place) throws {
        let plain = key ?? ""
        let averages = try (document.elements(list.value) ?? []).enumerated().compactMap { index, value in
            try document.tensor(value, name: "\(list.key).\(index)")
        }
        let shapes = tensors.mapValues(\.shape)
        guard let owners = parameters(of: names, shapes: shapes, averagedBy: averages.map(\.shape)) else {
            remarks.append(
                "holds averaged weights under `\(list.key)`, which do not fit those under `\(plain)`; the latter are used"
            )
            return
        }
        for (name, average) in zip(owners, averages) { tensors[name] = average }
        key = list.key
    }

    private mutating func collect(_ value: PickleValue, path: [String]) throws {
        visits += 1
        guard visits <= Self.maximumVisits, path.count <= Self.maximumDepth else {
            throw Failure(.data, place: path.prefix(4).joined(separator: "."), "is nested too deep or too wide")
        }
        let name = path.isEmpty ? "value" : path.joined(separator: ".")
        if let tensor = try readable(value, name: name) {
            if tensors.updateValue(tensor, forKey: name) == nil { names.append(name) }
        } else if let module = document.module(value) {
            for part in ["_parameters", "_buffers", "_modules"] {
                for entry in document.entries(document.value(part, in: module.state)) ?? [] {
                    try collect(entry, under: path)
                }
            }
        } else if let entries = document.entries(value) {
            for entry in entries { try collect(entry, under: path) }
        } else if let elements = document.elements(value) {
            for (index, element) in elements.enumerated() { try collect(element, path: path + [String(index)]) }
        } else if let (global, arguments) = document.call(value), global.standing == .foreign {
            try refuseTensors(in: arguments, of: global, name: name)
        }
    }

    /// Returns the tensor that `value` is; nil if it is something else, or of an element type that is not read, which is
    /// remembered.
    private mutating func readable(_ value: PickleValue, name: String) throws -> StoredTensor? {
        do {
            return try document.tensor(value, name: name)
        } catch let fault as UnreadElementType {
            remember(fault, name: name)
            return nil
        }
    }

    private mutating func remember(_ fault: UnreadElementType, name: String) {
        guard !unread.contains(where: { $0.name == name }) else { return }
        unread.append(UnreadTensor(name: name, type: fault.type, shape: fault.shape))
    }

    private mutating func collect(_ entry: PickleObject.Entry, under path: [String]) throws {
        guard let key = document.string(entry.key) ?? document.integer(entry.key).map(String.init) else { return }
        try collect(entry.value, path: path + [key])
    }

    /// Throws `.data` if a foreign function would make a tensor, which cannot be had without running it.
    private mutating func refuseTensors(in arguments: [PickleValue], of global: PickleGlobal, name: String) throws {
        guard arguments.contains(where: { document.isTensor($0) || document.object($0)?.kind == .persistent }) else {
            return
        }
        // For a quantized tensor the type of its storage tells more than the function does.
        do {
            for argument in arguments { _ = try document.persistentStorage(argument) }
        } catch let fault as UnreadElementType {
            return remember(fault, name: name)
        }
        throw Failure(.data, "`\(name)` is a tensor made by `\(global)`, which is not allowed")
    }
}

// MARK: - Modules

extension PickleDocument {
    /// Whether `value` is made by a function that makes tensors.
    func isTensor(_ value: PickleValue) -> Bool {
        guard let global = call(value)?.global else { return false }
        return global.module == "torch._utils" && global.name.hasPrefix("_rebuild_")
            || global.module == "torch._tensor" || global.name == "_frombuffer"
            || global.name == "_reconstruct" && global.module.hasSuffix("core.multiarray")
    }

    /// Returns the class and the attributes of a pickled network module; nil if `value` is none. NVIDIA's persistent
    /// objects carry the name of the class as text; others are records of a class with a state.
    func module(_ value: PickleValue) -> (className: String, isPersistent: Bool, state: PickleValue)? {
        guard let (global, arguments) = call(value) else { return nil }
        let isPersistent = global == PickleGlobal("torch_utils.persistence", "_reconstruct_persistent_obj")
        let state = isPersistent ? self.value("state", in: arguments.first) : object(value)?.state
        guard let state, self.value("_parameters", in: state) != nil, self.value("_modules", in: state) != nil else {
            return nil
        }
        let name = isPersistent ? string(self.value("class_name", in: arguments.first)) : global.name
        return name.map { ($0, isPersistent, state) }
    }
}
