/// Returns max |a - b| / max |b|, or infinity if the counts differ or a value is NaN.
package func relativeError<Value: BinaryFloatingPoint>(_ values: [Value], _ expected: [Value]) -> Double {
    guard values.count == expected.count, !values.isEmpty else { return .infinity }
    let largest = expected.map { abs(Double($0)) }.max() ?? 0
    let worst = zip(values, expected).map { abs(Double($0) - Double($1)) }.reduce(0) {
        $1.isNaN ? .infinity : max($0, $1)
    }
    return worst == 0 ? 0 : worst / largest
}
