// The inner loop of every convolution, linear layer and attention product:
//
//     C[i, j] = sum over taps s and depth k of  A_s[i][k] B[s depth + k, j]       i < 8, j < 16 or 32
//
// A's rows are given by pointer, eight for each tap, so a k x k convolution, strided and upsampling ones included,
// reads its image in place: a row in the padding points at zeros. A plain product is the case of one tap.
//
// Every element is one chain of fused multiply-adds from zero, in the order of s, then k. The order depends on nothing
// else, so an element's bits do not change with the batch, the tile it falls into or the number of threads. A chain may
// be cut: a call that continues takes up the sums that the one before has left in C.
//
// 8 x 32 elements are 16 accumulators of 16 lanes: enough to hide the latency, few enough to stay in registers.

import CProcessor

/// Computes C, 8 x 32 with row stride `ldc`; B has row stride `ldb`. The chains go on from C if `continues`.
func multiply8x32(
    taps: Int, rows: UnsafePointer<FloatPointer>, depth: Int, b: FloatPointer, ldb: Int, c: MutableFloatPointer,
    ldc: Int, continues: Bool
) {
    guard processor_has_wide_registers() == 0 else {
        return multiplyWide(
            taps: taps, rows: rows, depth: depth, b: b, ldb: ldb, c: c, ldc: ldc, continues: continues)
    }
    for column in [0, 16] {
        multiplyNarrow(
            taps: taps, rows: rows, depth: depth, b: b + column, ldb: ldb, c: c + column, ldc: ldc,
            continues: continues)
    }
}

/// Computes the same with 16 accumulators.
@inline(never)
private func multiplyWide(
    taps: Int, rows: UnsafePointer<FloatPointer>, depth: Int, b: FloatPointer, ldb: Int, c: MutableFloatPointer,
    ldc: Int, continues: Bool
) {
    var (c00, c01) = sums(c, continues)
    var (c10, c11) = sums(c + ldc, continues)
    var (c20, c21) = sums(c + 2 * ldc, continues)
    var (c30, c31) = sums(c + 3 * ldc, continues)
    var (c40, c41) = sums(c + 4 * ldc, continues)
    var (c50, c51) = sums(c + 5 * ldc, continues)
    var (c60, c61) = sums(c + 6 * ldc, continues)
    var (c70, c71) = sums(c + 7 * ldc, continues)
    var p = b
    var row = rows
    for _ in 0..<taps {
        let a0 = row[0], a1 = row[1], a2 = row[2], a3 = row[3], a4 = row[4], a5 = row[5], a6 = row[6], a7 = row[7]
        var k = 0
        while k < depth {
            let b0 = load(p), b1 = load(p + 16)
            var a = FloatVector(repeating: a0[k])
            c00 = multiplyAdd(c00, a, b0)
            c01 = multiplyAdd(c01, a, b1)
            a = FloatVector(repeating: a1[k])
            c10 = multiplyAdd(c10, a, b0)
            c11 = multiplyAdd(c11, a, b1)
            a = FloatVector(repeating: a2[k])
            c20 = multiplyAdd(c20, a, b0)
            c21 = multiplyAdd(c21, a, b1)
            a = FloatVector(repeating: a3[k])
            c30 = multiplyAdd(c30, a, b0)
            c31 = multiplyAdd(c31, a, b1)
            a = FloatVector(repeating: a4[k])
            c40 = multiplyAdd(c40, a, b0)
            c41 = multiplyAdd(c41, a, b1)
            a = FloatVector(repeating: a5[k])
            c50 = multiplyAdd(c50, a, b0)
            c51 = multiplyAdd(c51, a, b1)
            a = FloatVector(repeating: a6[k])
            c60 = multiplyAdd(c60, a, b0)
            c61 = multiplyAdd(c61, a, b1)
            a = FloatVector(repeating: a7[k])
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

/// Returns the sums with which the chains of a row begin: those in memory, or zero.
@inline(__always)
private func sums(_ row: MutableFloatPointer, _ continues: Bool) -> (FloatVector, FloatVector) {
    continues ? (load(row), load(row + 16)) : (.zero, .zero)
}

@inline(__always)
private func store2(_ left: FloatVector, _ right: FloatVector, _ target: MutableFloatPointer) {
    store(left, target)
    store(right, target + 16)
}

/// Computes C, 8 x 16 with row stride `ldc`; B has row stride `ldb`. The chains go on from C if `continues`.
@inline(never)
func multiply8x16(
    taps: Int, rows: UnsafePointer<FloatPointer>, depth: Int, b: FloatPointer, ldb: Int, c: MutableFloatPointer,
    ldc: Int, continues: Bool
) {
    if processor_has_wide_registers() == 0 {
        return multiplyNarrow(
            taps: taps, rows: rows, depth: depth, b: b, ldb: ldb, c: c, ldc: ldc, continues: continues)
    }
    var c0 = FloatVector.zero, c1 = FloatVector.zero, c2 = FloatVector.zero, c3 = FloatVector.zero
    var c4 = FloatVector.zero, c5 = FloatVector.zero, c6 = FloatVector.zero, c7 = FloatVector.zero
    if continues {
        (c0, c1, c2, c3) = (load(c), load(c + ldc), load(c + 2 * ldc), load(c + 3 * ldc))
        (c4, c5, c6, c7) = (load(c + 4 * ldc), load(c + 5 * ldc), load(c + 6 * ldc), load(c + 7 * ldc))
    }
    var p = b
    var row = rows
    for _ in 0..<taps {
        let a0 = row[0], a1 = row[1], a2 = row[2], a3 = row[3], a4 = row[4], a5 = row[5], a6 = row[6], a7 = row[7]
        var k = 0
        while k < depth {
            let b0 = load(p)
            c0 = multiplyAdd(c0, FloatVector(repeating: a0[k]), b0)
            c1 = multiplyAdd(c1, FloatVector(repeating: a1[k]), b0)
            c2 = multiplyAdd(c2, FloatVector(repeating: a2[k]), b0)
            c3 = multiplyAdd(c3, FloatVector(repeating: a3[k]), b0)
            c4 = multiplyAdd(c4, FloatVector(repeating: a4[k]), b0)
            c5 = multiplyAdd(c5, FloatVector(repeating: a5[k]), b0)
            c6 = multiplyAdd(c6, FloatVector(repeating: a6[k]), b0)
            c7 = multiplyAdd(c7, FloatVector(repeating: a7[k]), b0)
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

/// Computes C, 8 x 16, in two halves of four rows, for processors with sixteen registers of eight Floats: 8 hold sums,
/// 2 hold B, 1 holds A. Each element is the same chain as in `multiply8x16`.
@inline(__always)
private func multiplyNarrow(
    taps: Int, rows: UnsafePointer<FloatPointer>, depth: Int, b: FloatPointer, ldb: Int, c: MutableFloatPointer,
    ldc: Int, continues: Bool
) {
    for half in 0..<2 {
        let target = c + half * 4 * ldc
        var c0 = FloatVector.zero, c1 = FloatVector.zero, c2 = FloatVector.zero, c3 = FloatVector.zero
        if continues {
            (c0, c1, c2, c3) = (load(target), load(target + ldc), load(target + 2 * ldc), load(target + 3 * ldc))
        }
        var p = b
        var row = rows + half * 4
        for _ in 0..<taps {
            let a0 = row[0], a1 = row[1], a2 = row[2], a3 = row[3]
            var k = 0
            while k < depth {
                let b0 = load(p)
                c0 = multiplyAdd(c0, FloatVector(repeating: a0[k]), b0)
                c1 = multiplyAdd(c1, FloatVector(repeating: a1[k]), b0)
                c2 = multiplyAdd(c2, FloatVector(repeating: a2[k]), b0)
                c3 = multiplyAdd(c3, FloatVector(repeating: a3[k]), b0)
                p += ldb
                k += 1
            }
            row += 8
        }
        store(c0, target)
        store(c1, target + ldc)
        store(c2, target + 2 * ldc)
        store(c3, target + 3 * ldc)
    }
}
