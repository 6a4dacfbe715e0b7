/// The softmax of the products of 32 queries with keys that come piece by piece. Vectors are for 16 queries each.
///
/// The exponentials are at most 1. When a greater product comes, what was summed before shrinks by a factor (Milakov
/// and Gimelshein 2018).
struct RunningSoftmax {
    /// The factor of the products.
    let scale: FloatVector
    private var left = Half()
    private var right = Half()

    /// 16 queries.
    struct Half {
        fileprivate var maximum = FloatVector(repeating: -Float.infinity)
        /// The sum of the exponentials.
        fileprivate var sum = FloatVector.zero
    }

    init(factor: Float) { scale = FloatVector(repeating: factor) }

    /// Replaces `count` rows of products, [keys][32], by exponentials.
    ///
    /// - Returns: the factors by which what was summed before shrinks.
    mutating func replace(_ products: MutableFloatPointer, count: Int) -> (FloatVector, FloatVector) {
        let end = products + count * 32
        var (maximum0, maximum1) = (left.maximum, right.maximum)
        for place in stride(from: products, to: end, by: 32) {
            let (x0, x1) = (load(place), load(place + lanes))
            maximum0 = maximum0.replacing(with: x0, where: x0 .> maximum0)
            maximum1 = maximum1.replacing(with: x1, where: x1 .> maximum1)
        }
        let (shift0, shift1) = (scale * maximum0, scale * maximum1)
        let shrink0 = Self.bounded(scale * left.maximum - shift0), shrink1 = Self.bounded(scale * right.maximum - shift1)
        var (sum0, sum1) = (FloatVector.zero, FloatVector.zero)
        for place in stride(from: products, to: end, by: 32) {
            let e0 = Self.bounded(scale * load(place) - shift0)
            let e1 = Self.bounded(scale * load(place + lanes) - shift1)
            store(e0, place)
            store(e1, place + lanes)
            sum0 += e0
            sum1 += e1
        }
        left = Half(maximum: maximum0, sum: shrink0 * left.sum + sum0)
        right = Half(maximum: maximum1, sum: shrink1 * right.sum + sum1)
        return (shrink0, shrink1)
    }

    /// The factors that make weights of exponentials.
    var inverseSums: (FloatVector, FloatVector) {
        let one = FloatVector(repeating: 1)
        return (one / left.sum, one / right.sum)
    }

    /// Floats that `save` writes.
    static let savedCount = 4 * lanes

    /// Writes what `weights` needs.
    func save(_ target: MutableFloatPointer) {
        let inverse = inverseSums
        store(scale * left.maximum, target)
        store(scale * right.maximum, target + lanes)
        store(inverse.0, target + 2 * lanes)
        store(inverse.1, target + 3 * lanes)
    }

    /// Replaces `count` rows of products, [keys][32], by weights.
    static func weights(_ products: MutableFloatPointer, count: Int, factor: Float, saved: FloatPointer) {
        let scale = FloatVector(repeating: factor)
        let (shift0, shift1) = (load(saved), load(saved + lanes))
        let (inverse0, inverse1) = (load(saved + 2 * lanes), load(saved + 3 * lanes))
        for place in stride(from: products, to: products + count * 32, by: 32) {
            store(inverse0 * bounded(scale * load(place) - shift0), place)
            store(inverse1 * bounded(scale * load(place + lanes) - shift1), place + lanes)
        }
    }

    /// Returns exp(x) for x <= 0, which is taken as at least -87.
    @inline(__always)
    private static func bounded(_ x: FloatVector) -> FloatVector {
        let low = FloatVector(repeating: -87)
        return exponential(inRange: x.replacing(with: low, where: x .< low))
    }
}
