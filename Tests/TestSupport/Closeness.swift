/// Returns max |a - b| / max |b|, the measure in which the fixtures' tolerances are given.
package func relativeError(_ ours: some Sequence<Float>, _ expected: some Sequence<Double>) -> Double {
    var (difference, largest) = (0.0, 0.0)
    for (a, b) in zip(ours, expected) {
        difference = max(difference, abs(Double(a) - b))
        largest = max(largest, abs(b))
    }
    return largest > 0 ? difference / largest : difference
}
