// The matrices of F(4x4, 3x3).
//
// They interpolate at 0, +-a, +-b and infinity with a = 1/sqrt 2 and b = sqrt 2. The usual points 1 and 2 give integers,
// but a and b lose less to rounding, and a^2 b^2 = 1 keeps the transforms short. With a^2 + b^2 = 5/2,
//
//     B^T d: d0 - 5/2 d2 + d4;  (d4 - 2 d2) +- a (d3 - 2 d1);  (d4 - 1/2 d2) +- b (d3 - 1/2 d1);  d1 - 5/2 d3 + d5
//     G:     row p is [1, p, p^2] / prod over other points (p - q): 1, -3/2 (twice), 6 (twice), and [0, 0, 1]
//     A^T m: row i is [0^i, a^i, (-a)^i, b^i, (-b)^i], with m5 added to the last.

private let a: Float = 0.707_106_781_186_547_5
private let b: Float = 1.414_213_562_373_095

/// F(4x4, 3x3): 4 x 4 outputs of a 3x3 convolution from 36 products.
enum WinogradF4: WinogradForm {
    static var tile: Int { 4 }

    static func filterRow(_ i: Int) -> (Float, Float, Float) {
        switch i {
        case 0: (1, 0, 0)
        case 1: (-2.0 / 3, -2.0 / 3 * a, -1.0 / 3)
        case 2: (-2.0 / 3, 2.0 / 3 * a, -1.0 / 3)
        case 3: (1.0 / 6, b / 6, 1.0 / 3)
        case 4: (1.0 / 6, -b / 6, 1.0 / 3)
        default: (0, 0, 1)
        }
    }

    @inline(__always)
    static func transformFilter(
        _ h0: FloatVector, _ h1: FloatVector, _ h2: FloatVector, _ put: (_ index: Int, _ value: FloatVector) -> Void
    ) {
        let evenA = multiplyAdd(FloatVector(repeating: -2.0 / 3) * h0, FloatVector(repeating: -1.0 / 3), h2)
        let evenB = multiplyAdd(FloatVector(repeating: 1.0 / 6) * h0, FloatVector(repeating: 1.0 / 3), h2)
        put(0, h0)
        put(1, multiplyAdd(evenA, FloatVector(repeating: -2.0 / 3 * a), h1))
        put(2, multiplyAdd(evenA, FloatVector(repeating: 2.0 / 3 * a), h1))
        put(3, multiplyAdd(evenB, FloatVector(repeating: b / 6), h1))
        put(4, multiplyAdd(evenB, FloatVector(repeating: -b / 6), h1))
        put(5, h2)
    }

    @inline(__always)
    private static func input(
        _ d0: FloatVector, _ d1: FloatVector, _ d2: FloatVector, _ d3: FloatVector, _ d4: FloatVector,
        _ d5: FloatVector,
        _ put: (_ index: Int, _ value: FloatVector) -> Void
    ) {
        let half = FloatVector(repeating: -0.5), two = FloatVector(repeating: -2), middle = FloatVector(repeating: -2.5)
        let evenA = multiplyAdd(d4, two, d2), oddA = multiplyAdd(d3, two, d1)
        let evenB = multiplyAdd(d4, half, d2), oddB = multiplyAdd(d3, half, d1)
        put(0, multiplyAdd(d0 + d4, middle, d2))
        put(1, multiplyAdd(evenA, FloatVector(repeating: a), oddA))
        put(2, multiplyAdd(evenA, FloatVector(repeating: -a), oddA))
        put(3, multiplyAdd(evenB, FloatVector(repeating: b), oddB))
        put(4, multiplyAdd(evenB, FloatVector(repeating: -b), oddB))
        put(5, multiplyAdd(d1 + d5, middle, d3))
    }

    @inline(__always)
    static func transformInput(
        _ window: UnsafePointer<FloatPointer>, offset: Int, temporary: UnsafeMutablePointer<FloatVector>,
        target: MutableFloatPointer,
        stride: Int
    ) {
        for j in 0..<6 {
            input(
                load(window[j] + offset), load(window[6 + j] + offset), load(window[12 + j] + offset),
                load(window[18 + j] + offset), load(window[24 + j] + offset), load(window[30 + j] + offset)
            ) { temporary[$0 * 6 + j] = $1 }
        }
        for i in 0..<6 {
            let row = temporary + i * 6
            input(row[0], row[1], row[2], row[3], row[4], row[5]) { store($1, target + (i * 6 + $0) * stride) }
        }
    }

    @inline(__always)
    private static func output(
        _ m0: FloatVector, _ m1: FloatVector, _ m2: FloatVector, _ m3: FloatVector, _ m4: FloatVector,
        _ m5: FloatVector,
        _ put: (_ index: Int, _ value: FloatVector) -> Void
    ) {
        let evenA = m1 + m2, oddA = m1 - m2, evenB = m3 + m4, oddB = m3 - m4
        put(0, m0 + evenA + evenB)
        put(1, multiplyAdd(FloatVector(repeating: a) * oddA, FloatVector(repeating: b), oddB))
        put(2, multiplyAdd(FloatVector(repeating: 0.5) * evenA, FloatVector(repeating: 2), evenB))
        put(3, multiplyAdd(multiplyAdd(m5, FloatVector(repeating: a / 2), oddA), FloatVector(repeating: 2 * b), oddB))
    }

    @inline(__always)
    static func transformOutput(
        _ sums: FloatPointer, stride: Int, temporary: UnsafeMutablePointer<FloatVector>,
        result: UnsafeMutablePointer<FloatVector>
    ) {
        for j in 0..<6 {
            let column = sums + j * stride
            output(
                load(column), load(column + 6 * stride), load(column + 12 * stride), load(column + 18 * stride),
                load(column + 24 * stride), load(column + 30 * stride)
            ) { temporary[$0 * 6 + j] = $1 }
        }
        for i in 0..<4 {
            let row = temporary + i * 6
            output(row[0], row[1], row[2], row[3], row[4], row[5]) { result[i * 4 + $0] = $1 }
        }
    }
}
