import Formats

/// The places in a checkpoint that hold weights: dictionaries of tensors, modules, and lists of averages.
struct WeightPlaces {
    struct Place {
        /// The keys that lead to it.
        let path: [String]
        let value: PickleValue
        /// Whether it is a list, which has no names.
        let isList: Bool

        var key: String { path.joined(separator: ".") }
        var isAveraged: Bool { path.contains(where: namesAverages) }
    }

    private(set) var all: [Place] = []
    private let document: PickleDocument
    private var visits = 0

    private static let maximumDepth = 4
    /// The largest number of values that are looked at; the places after it are not found.
    private static let maximumVisits = 1 << 16
    /// Keys under which checkpoints keep tensors that are no weights: the states of optimizers, and copies of plain
    /// weights beside averages.
    private static let others = ["opt", "sched", "scaler", "collected", "backup", "temp_stored"]

    /// Searches the dictionary `root`.
    init(_ document: PickleDocument, root: PickleValue) {
        self.document = document
        search(root, path: [])
    }

    private mutating func search(_ value: PickleValue, path: [String]) {
        guard path.count < Self.maximumDepth, document.module(value) == nil else { return }
        for entry in document.entries(value) ?? [] {
            guard let key = document.string(entry.key), !Self.others.contains(where: key.lowercased().hasPrefix) else {
                continue
            }
            visits += 1
            guard visits <= Self.maximumVisits else { return }
            let inner = path + [key]
            if document.holdsTensors(entry.value) {
                all.append(Place(path: inner, value: entry.value, isList: false))
            } else if let elements = document.elements(entry.value) {
                guard !elements.isEmpty, elements.allSatisfy(document.isTensor) else { continue }
                all.append(Place(path: inner, value: entry.value, isList: true))
            } else {
                search(entry.value, path: inner)
            }
        }
    }
}

extension PickleDocument {
    /// Whether `value` is a module, or a dictionary that has a tensor directly in it. A single number is no such tensor.
    func holdsTensors(_ value: PickleValue?) -> Bool {
        guard let value else { return false }
        if module(value) != nil { return true }
        return entries(value)?.contains { isTensor($0.value) && (try? tensor($0.value, name: ""))?.shape != [] }
            ?? false
    }
}

/// Returns the names of the tensors that a list of averages stands for: the averages are in the order of the parameters, and
/// `names` has buffers among them. Nil unless there is exactly one way to pair equal shapes.
func parameters(
    of names: [String], shapes: [String: [Int]], averagedBy averages: [[Int]]
) -> [String]? {
    func paired(_ names: some Sequence<String>, _ averages: some Sequence<[Int]>) -> [String] {
        var rest = averages.makeIterator()
        var next = rest.next()
        var result: [String] = []
        for name in names where next != nil && shapes[name] == next {
            result.append(name)
            next = rest.next()
        }
        return result
    }
    let first = paired(names, averages)
    let last = paired(names.reversed(), averages.reversed())
    return first.count == averages.count && first == last.reversed() ? first : nil
}
