/// F(2x2, 3x3): 2 x 2 outputs of a 3x3 convolution from 16 products.
enum WinogradF2: WinogradForm {
    static var tile: Int { 2 }

    static func filterRow(_ i: Int) -> (Float, Float, Float) {
        switch i {
        case 0: (1, 0, 0)
        case 1: (0.5, 0.5, 0.5)
        case 2: (0.5, -0.5, 0.5)
        default: (0, 0, 1)
        }
    }

    @inline(__always)
    static func transformFilter(
        _ h0: FloatVector, _ h1: FloatVector, _ h2: FloatVector, _ put: (_ index: Int, _ value: FloatVector) -> Void
    ) {
        let even = h0 + h2
        put(0, h0)
        put(1, FloatVector(repeating: 0.5) * (even + h1))
        put(2, FloatVector(repeating: 0.5) * (even - h1))
        put(3, h2)
    }

    @inline(__always)
    private static func input(
        _ d0: FloatVector, _ d1: FloatVector, _ d2: FloatVector, _ d3: FloatVector,
        _ put: (_ index: Int, _ value: FloatVector) -> Void
    ) {
        put(0, d0 - d2)
        put(1, d1 + d2)
        put(2, d2 - d1)
        put(3, d3 - d1)
    }

    @inline(__always)
    static func transformInput(
        _ window: UnsafePointer<FloatPointer>, offset: Int, temporary: UnsafeMutablePointer<FloatVector>,
        target: MutableFloatPointer,
        stride: Int
    ) {
        for j in 0..<4 {
            input(
                load(window[j] + offset), load(window[4 + j] + offset), load(window[8 + j] + offset),
                load(window[12 + j] + offset)
            ) { temporary[$0 * 4 + j] = $1 }
        }
        for i in 0..<4 {
            let row = temporary + i * 4
            input(row[0], row[1], row[2], row[3]) { store($1, target + (i * 4 + $0) * stride) }
        }
    }

    @inline(__always)
    static func transformOutput(
        _ sums: FloatPointer, stride: Int, temporary: UnsafeMutablePointer<FloatVector>,
        result: UnsafeMutablePointer<FloatVector>
    ) {
        for j in 0..<4 {
            let column = sums + j * stride
            let m0 = load(column), m1 = load(column + 4 * stride)
            let m2 = load(column + 8 * stride), m3 = load(column + 12 * stride)
            temporary[j] = m0 + m1 + m2
            temporary[4 + j] = m1 - m2 + m3
        }
        for i in 0..<2 {
            let row = temporary + i * 4
            result[i * 2] = row[0] + row[1] + row[2]
            result[i * 2 + 1] = row[1] - row[2] + row[3]
        }
    }
}
