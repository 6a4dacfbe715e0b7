import Diagnostics

/// Whether a part of a tensor's or a dictionary's name says that averages of weights are under it: `ema`, `model_ema`,
/// `shadow_params`, `averaged_model`.
package func namesAverages(_ part: some StringProtocol) -> Bool {
    let words = part.lowercased().split { !$0.isLetter }.map(String.init)
    return words.contains { ["ema", "shadow", "averaged", "average", "avg", "swa", "polyak", "emamodel"].contains($0) }
}

/// The tensors of a network under the names that it asks for. They stand under other names in the file.
package struct NamedWeights: WeightSource {
    package let tensorNames: [String]
    package let unread: [UnreadTensor]
    package let remarks: [String]
    private let source: any WeightSource
    /// The names in the file by the names here.
    private let stored: [String: String]

    /// - Parameter names: the names here, each with the one in the file.
    fileprivate init(
        _ source: any WeightSource, names: [(name: String, stored: String)], unread: [UnreadTensor],
        remarks: [String] = []
    ) {
        (self.source, self.unread) = (source, unread)
        self.remarks = source.remarks + remarks
        tensorNames = names.map(\.name)
        stored = Dictionary(names.map { ($0.name, $0.stored) }) { first, _ in first }
    }

    package func type(of name: String) -> DataType? { stored[name].flatMap { source.type(of: $0) } }
    package func shape(of name: String) -> [Int]? { stored[name].flatMap { source.shape(of: $0) } }
    package var configuration: String? { source.configuration }

    package func floats(_ name: String) throws -> [Float] {
        try source.floats(storedName(name))
    }

    package func withFloats(_ name: String, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws {
        try source.withFloats(storedName(name), body)
    }

    private func storedName(_ name: String) throws -> String {
        guard let storedName = stored[name] else { throw missing(name) }
        return storedName
    }
}

extension WeightSource {
    /// Returns these weights under other names. Tensors for which `rename` returns nil are left out.
    package func renamed(_ rename: (String) -> String?) -> NamedWeights {
        NamedWeights(
            self, names: tensorNames.compactMap { stored in rename(stored).map { ($0, stored) } },
            unread: unread.compactMap { tensor in
                rename(tensor.name).map { UnreadTensor(name: $0, type: tensor.type, shape: tensor.shape) }
            })
    }

    /// Returns these weights with the averages that stand beside plain tensors in their place; nil if there are none.
    package func withAverages() -> NamedWeights? {
        let averages = averagesWithoutDots(of: tensorNames)
        guard !averages.isEmpty else { return nil }
        return NamedWeights(self, names: tensorNames.map { ($0, averages[$0] ?? $0) }, unread: unread)
    }

    /// Returns these weights under the names that a network asks for. Programs that wrap networks put a text before all
    /// names, such as `module.` or `_orig_mod.`; it is taken off. Averages of weights are taken if they stand beside plain
    /// ones. If the network is not found, the weights are returned as they are.
    ///
    /// - Parameters:
    ///   - landmark: a tensor that every such network has.
    ///   - prefixes: the texts that may stand before its names even if other tensors do not have them; the first is the
    ///     one that the network asks for.
    ///
    /// Throws `.data` if there is another text before the names that not all tensors share; the failure names it.
    package func named(landmark: String, prefixes: [String] = [""]) throws -> any WeightSource {
        let asked = prefixes.first ?? ""
        let found = tensorNames.filter { $0 == landmark || $0.hasSuffix("." + landmark) }
            .map { String($0.dropLast(landmark.count)) }
        let averaged = found.filter(namesAverages)
        let known = prefixes.first(where: found.contains)
        guard let chosen = averaged.first ?? known ?? found.first else { return self }
        let isAccepted = !averaged.isEmpty || known != nil || found.count == 1 && isShared(chosen, besides: prefixes)
        guard isAccepted else { throw unshared(found) }
        let names = tensorNames.filter { $0.hasPrefix(chosen) }
        let averages = averaged.isEmpty ? averagesWithoutDots(of: names) : [:]
        if chosen == asked, averages.isEmpty, averaged.isEmpty { return self }
        func renamed(_ name: String) -> String { asked + name.dropFirst(chosen.count) }
        return NamedWeights(
            self, names: names.map { (renamed($0), averages[$0] ?? $0) },
            unread: unread.filter { $0.name.hasPrefix(chosen) }.map {
                UnreadTensor(name: renamed($0.name), type: $0.type, shape: $0.shape)
            },
            remarks: averaged.count < 2
                ? [] : ["holds averaged weights under \(quoted(averaged)); the first are used"])
    }

    /// Whether all tensors have the text `prefix` before their names, up to one of `endings` or up to its end. Single
    /// numbers, such as the count of steps, need not have it.
    private func isShared(_ prefix: String, besides endings: [String]) -> Bool {
        let others = tensorNames.filter { (shape(of: $0) ?? []).reduce(1, *) > 1 }
        return (endings + [""]).contains { ending in
            guard prefix.hasSuffix(ending) else { return false }
            let outer = prefix.dropLast(ending.count)
            return others.allSatisfy { $0.hasPrefix(outer) }
        }
    }

    private func unshared(_ prefixes: [String]) -> Failure {
        let other = tensorNames.first { name in !prefixes.contains(where: name.hasPrefix) }
        return Failure(
            .data,
            "the network's tensors stand under \(quoted(prefixes))"
                + (other.map { ", beside others such as `\($0)`" } ?? ""),
            suggestion: "save the state dictionary of the network alone")
    }

    /// Returns the names of averages that stand beside the plain tensors `names` in the manner of latent diffusion: the
    /// average of `model.a.b` is `model_ema.ab`.
    private func averagesWithoutDots(of names: [String]) -> [String: String] {
        var averages: [String: String] = [:]
        for name in names {
            guard let dot = name.firstIndex(of: ".") else { continue }
            let average = name[..<dot] + "_ema." + name[dot...].filter { $0 != "." }
            guard let own = shape(of: name), shape(of: String(average)) == own else { continue }
            averages[name] = String(average)
        }
        return averages
    }

    private func quoted(_ prefixes: [String]) -> String {
        prefixes.prefix(4).map { "`\($0)`" }.joined(separator: " and ")
    }
}
