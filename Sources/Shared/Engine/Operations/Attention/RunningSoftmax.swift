/// The softmax of the products of 32 queries with keys that come piece by piece. Vectors are for 16 queries each.
///
/// The exponentials are at most 1. When a greater product comes, what was summed before shrinks by a factor (Milakov
/// and Gimelshein 2018).
struct RunningSoftmax {
    private var left: Half
    private var right: Half

    init(factor: Float) {
        left = Half(scale: FloatVector(repeating: factor))
        right = left
    }

    /// Replaces `count` rows of products, [keys][32], by exponentials.
    ///
    /// - Returns: the factors by which what was summed before shrinks.
    mutating func replace(_ products: MutableFloatPointer, count: Int) -> (FloatVector, FloatVector) {
        (left.replace(products, count: count), right.replace(products + lanes, count: count))
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
        store(left.scale * left.maximum, target)
        store(right.scale * right.maximum, target + lanes)
        store(inverse.0, target + 2 * lanes)
        store(inverse.1, target + 3 * lanes)
    }

    /// Replaces `count` rows of products, [keys][32], by weights.
    static func weights(_ products: MutableFloatPointer, count: Int, factor: Float, saved: FloatPointer) {
        let scale = FloatVector(repeating: factor), low = FloatVector(repeating: -87)
        for half in [0, lanes] {
            let shift = load(saved + half), inverse = load(saved + 2 * lanes + half)
            for place in stride(from: products + half, to: products + count * 32, by: 32) {
                let x = scale * load(place) - shift
                store(inverse * exponential(inRange: x.replacing(with: low, where: x .< low)), place)
            }
        }
    }

    /// 16 queries.
    private struct Half {
        /// The factor of the products.
        let scale: FloatVector
        var maximum = FloatVector(repeating: -Float.infinity)
        /// The sum of the exponentials.
        var sum = FloatVector.zero

        mutating func replace(_ products: MutableFloatPointer, count: Int) -> FloatVector {
            let low = FloatVector(repeating: -87), end = products + count * 32
            var greatest = maximum
            for place in stride(from: products, to: end, by: 32) {
                let x = load(place)
                greatest = greatest.replacing(with: x, where: x .> greatest)
            }
            let shift = scale * greatest
            let difference = scale * maximum - shift
            let shrink = exponential(inRange: difference.replacing(with: low, where: difference .< low))
            var added = FloatVector.zero
            for place in stride(from: products, to: end, by: 32) {
                let x = scale * load(place) - shift
                let e = exponential(inRange: x.replacing(with: low, where: x .< low))
                store(e, place)
                added += e
            }
            maximum = greatest
            sum = shrink * sum + added
            return shrink
        }
    }
}
