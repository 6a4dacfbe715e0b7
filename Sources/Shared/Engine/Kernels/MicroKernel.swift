// The one inner loop of every convolution, linear layer and attention product:
//
//     C[i, j] = sum over taps s and depth k of  A_s[i][k] B[s depth + k, j]       i < 8, j < 16 or 32
//
// A's rows are given by pointer, eight a tap, so a k x k convolution reads its image in place (a row that falls into
// the padding points at zeros), a strided or upsampling one too, and a plain product is the case of one tap.
// Every element is one chain of fused multiply-adds in the order s, k, from zero. The order depends on nothing else,
// so an element's bits do not change with the batch, the tile it falls into or the number of threads.
// 8 x 32 is 16 accumulators of 16 lanes: enough to hide the latency, few enough to stay in registers.

import CProcessor

/// C is 8 x 32 with row stride `ldc`; B has row stride `ldb`.
@inline(never)
func multiply8x32(
    taps: Int, rows: UnsafePointer<Source>, depth: Int, b: Source, ldb: Int, c: Pointer, ldc: Int
) {
    if processor_has_wide_registers() == 0 {
        for column in [0, 16] {
            multiplyNarrow(taps: taps, rows: rows, depth: depth, b: b + column, ldb: ldb, c: c + column, ldc: ldc)
        }
        return
    }
    var c00 = Vector.zero, c01 = Vector.zero, c10 = Vector.zero, c11 = Vector.zero
    var c20 = Vector.zero, c21 = Vector.zero, c30 = Vector.zero, c31 = Vector.zero
    var c40 = Vector.zero, c41 = Vector.zero, c50 = Vector.zero, c51 = Vector.zero
    var c60 = Vector.zero, c61 = Vector.zero, c70 = Vector.zero, c71 = Vector.zero
    var p = b
    var row = rows
    for _ in 0..<taps {
        let a0 = row[0], a1 = row[1], a2 = row[2], a3 = row[3], a4 = row[4], a5 = row[5], a6 = row[6], a7 = row[7]
        var k = 0
        while k < depth {
            let b0 = load(p), b1 = load(p + 16)
            var a = Vector(repeating: a0[k])
            c00 = multiplyAdd(c00, a, b0)
            c01 = multiplyAdd(c01, a, b1)
            a = Vector(repeating: a1[k])
            c10 = multiplyAdd(c10, a, b0)
            c11 = multiplyAdd(c11, a, b1)
            a = Vector(repeating: a2[k])
            c20 = multiplyAdd(c20, a, b0)
            c21 = multiplyAdd(c21, a, b1)
            a = Vector(repeating: a3[k])
            c30 = multiplyAdd(c30, a, b0)
            c31 = multiplyAdd(c31, a, b1)
            a = Vector(repeating: a4[k])
            c40 = multiplyAdd(c40, a, b0)
            c41 = multiplyAdd(c41, a, b1)
            a = Vector(repeating: a5[k])
            c50 = multiplyAdd(c50, a, b0)
            c51 = multiplyAdd(c51, a, b1)
            a = Vector(repeating: a6[k])
            c60 = multiplyAdd(c60, a, b0)
            c61 = multiplyAdd(c61, a, b1)
            a = Vector(repeating: a7[k])
            c70 = multiplyAdd(c70, a, b0)
            c71 = multiplyAdd(c71, a, b1)
            p += ldb
            k += 1
        }
        row += 8
    }
    store2(c00, c01, c)
    store2(c10, c11, c + ldc)
    store2(c20, c21, c + 2 * ldc)
    store2(c30, c31, c + 3 * ldc)
    store2(c40, c41, c + 4 * ldc)
    store2(c50, c51, c + 5 * ldc)
    store2(c60, c61, c + 6 * ldc)
    store2(c70, c71, c + 7 * ldc)
}

@inline(__always)
private func store2(_ left: Vector, _ right: Vector, _ target: Pointer) {
    store(left, target)
    store(right, target + 16)
}

/// The same for 16 columns.
@inline(never)
func multiply8x16(
    taps: Int, rows: UnsafePointer<Source>, depth: Int, b: Source, ldb: Int, c: Pointer, ldc: Int
) {
    if processor_has_wide_registers() == 0 {
        return multiplyNarrow(taps: taps, rows: rows, depth: depth, b: b, ldb: ldb, c: c, ldc: ldc)
    }
    var c0 = Vector.zero, c1 = Vector.zero, c2 = Vector.zero, c3 = Vector.zero
    var c4 = Vector.zero, c5 = Vector.zero, c6 = Vector.zero, c7 = Vector.zero
    var p = b
    var row = rows
    for _ in 0..<taps {
        let a0 = row[0], a1 = row[1], a2 = row[2], a3 = row[3], a4 = row[4], a5 = row[5], a6 = row[6], a7 = row[7]
        var k = 0
        while k < depth {
            let b0 = load(p)
            c0 = multiplyAdd(c0, Vector(repeating: a0[k]), b0)
            c1 = multiplyAdd(c1, Vector(repeating: a1[k]), b0)
            c2 = multiplyAdd(c2, Vector(repeating: a2[k]), b0)
            c3 = multiplyAdd(c3, Vector(repeating: a3[k]), b0)
            c4 = multiplyAdd(c4, Vector(repeating: a4[k]), b0)
            c5 = multiplyAdd(c5, Vector(repeating: a5[k]), b0)
            c6 = multiplyAdd(c6, Vector(repeating: a6[k]), b0)
            c7 = multiplyAdd(c7, Vector(repeating: a7[k]), b0)
            p += ldb
            k += 1
        }
        row += 8
    }
    store(c0, c)
    store(c1, c + ldc)
    store(c2, c + 2 * ldc)
    store(c3, c + 3 * ldc)
    store(c4, c + 4 * ldc)
    store(c5, c + 5 * ldc)
    store(c6, c + 6 * ldc)
    store(c7, c + 7 * ldc)
}

/// 8 x 16 in two halves of four rows, for processors with sixteen registers of eight Floats: 8 sums, 2 of B, 1 of A.
/// The chains are the same.
@inline(__always)
private func multiplyNarrow(
    taps: Int, rows: UnsafePointer<Source>, depth: Int, b: Source, ldb: Int, c: Pointer, ldc: Int
) {
    for half in 0..<2 {
        var c0 = Vector.zero, c1 = Vector.zero, c2 = Vector.zero, c3 = Vector.zero
        var p = b
        var row = rows + half * 4
        for _ in 0..<taps {
            let a0 = row[0], a1 = row[1], a2 = row[2], a3 = row[3]
            var k = 0
            while k < depth {
                let b0 = load(p)
                c0 = multiplyAdd(c0, Vector(repeating: a0[k]), b0)
                c1 = multiplyAdd(c1, Vector(repeating: a1[k]), b0)
                c2 = multiplyAdd(c2, Vector(repeating: a2[k]), b0)
                c3 = multiplyAdd(c3, Vector(repeating: a3[k]), b0)
                p += ldb
                k += 1
            }
            row += 8
        }
        let target = c + half * 4 * ldc
        store(c0, target)
        store(c1, target + ldc)
        store(c2, target + 2 * ldc)
        store(c3, target + 3 * ldc)
    }
}
