/// Returns the candidate that `word` was most likely meant to be, or nil if none is near. The part before the colon may
/// decide for a candidate with an argument, such as `polynomial:RHO`.
package func nearest(to word: String, among candidates: [String]) -> String? {
    func distance(_ candidate: String) -> Int {
        let whole = editDistance(word, candidate)
        guard candidate.contains(":") else { return whole }
        return min(whole, editDistance(head(word), head(candidate)))
    }
    let scored = candidates.map { ($0, distance($0)) }
    guard let best = scored.min(by: { $0.1 < $1.1 }) else { return nil }
    if best.1 <= max(1, (head(word).count + 1) / 3) { return best.0 }
    return word.isEmpty ? nil : candidates.filter { $0.hasPrefix(word) }.min { $0.count < $1.count }
}

private func head(_ word: String) -> String { String(word.prefix { $0 != ":" }) }

/// Returns "did you mean x?" for `Failure.suggestion`, or `otherwise` if no candidate is near.
package func suggestion(for word: String, among candidates: [String], otherwise: String? = nil) -> String? {
    nearest(to: word, among: candidates).map { "did you mean \($0)?" } ?? otherwise
}

extension Failure {
    /// Makes the failure of a `word` that is none of `choices`: it tells all of them and suggests the nearest.
    package init(_ status: ExitStatus = .usage, place: String? = nil, unknown word: String, choices: [String]) {
        self.init(
            status, place: place, "`\(word)` is none of \(choices.joined(separator: ", "))",
            suggestion: Diagnostics.suggestion(for: word, among: choices))
    }
}

/// Returns the result of `body`, which takes `word` for a file because it is none of `names`. If there is no such file, the
/// failure tells the `place` at which the word was said, and the nearest name.
package func namingFile<Result>(
    _ word: String, at place: String, orOneOf names: [String], _ body: () throws -> Result
) throws -> Result {
    do {
        return try body()
    } catch var failure as Failure where failure.status == .noInput && failure.place == word {
        failure.place = "\(place) \(word)"
        failure.suggestion =
            failure.suggestion
            ?? suggestion(
                for: word, among: names, otherwise: "it takes a file, or one of \(names.joined(separator: ", "))")
        throw failure
    }
}

/// Returns the number of insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
private func editDistance(_ left: String, _ right: String) -> Int {
    let (a, b) = (Array(left), Array(right))
    var rows = [Array(0...b.count)]
    for i in 1..<(a.count + 1) {
        var row = [i]
        for j in 1..<(b.count + 1) {
            var cost = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
            if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { cost = min(cost, rows[i - 2][j - 2] + 1) }
            row.append(cost)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}
