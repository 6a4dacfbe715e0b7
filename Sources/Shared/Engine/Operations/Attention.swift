#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Self-attention over the pixels of a map. For each head of c channels,
///
///     W = softmax over keys of q k^T / sqrt(c),    y = W v
///
/// The input holds q, k and v as three segments of all heads' channels. Forward and pullback work on blocks of 32
/// queries (and then of 32 keys), so that a block's rows of W stay in cache. W is not kept; the pullback computes it
/// again. With g the cotangent of y and S = W * (g v^T - rowsum(W * g v^T)), the cotangents are
///
///     v: W^T g     q: S k / sqrt(c)     k: S^T q / sqrt(c)
package struct Attention: Operation {
    package let input: Value
    package let output: Value
    let heads: Int

    /// - Parameter input: segments [C, C, C]; channel h C/heads + c of each belongs to head h.
    package init(_ input: Value, output: Value, heads: Int) {
        precondition(input.shape.segments == [Int](repeating: output.shape.channels, count: 3))
        precondition(heads > 0 && output.shape.channels % heads == 0 && output.shape.segments.count == 1)
        self.input = input
        self.output = output
        self.heads = heads
    }

    package var kind: LayerKind { .attention }
    package var multiplications: Int { 2 * pixels * pixels * output.shape.channels }
    package var inputs: [Value] { [input] }
    package var pullbackReadsInputs: Bool { true }

    private static let block = 32
    private var channels: Int { output.shape.channels / heads }
    private var pixels: Int { output.shape.pixels }
    /// The row length of matrices [., pixels], with room for whole panels.
    private var keyStride: Int { roundUp(pixels, to: 32) }
    private var stride: Int { output.shape.stride }
    private var factor: Float { 1 / Float(channels).squareRoot() }

    package func scratchCount(_ extent: PlanExtent, pullback: Bool) -> Int {
        let transposed = extent.batch * heads * channels * keyStride
        let rows = Self.block * keyStride
        guard pullback else { return transposed + extent.slots * rows }
        // The scratch memory holds k^T and v^T, all of W and S, and for each thread a transposed block of one of them.
        return 2 * transposed + 2 * extent.batch * heads * pixels * keyStride + extent.slots * Self.block * pixels
    }

    private var blocks: Int { (pixels + Self.block - 1) / Self.block }

    /// Returns the start of q, k or v (`which` is 0, 1 or 2) of one image and head.
    private func part(_ start: FloatPointer, image: Int, head: Int, _ which: Int) -> FloatPointer {
        start + image * input.shape.count + which * stride + head * channels
    }

    package func forward(_ run: GraphRun) {
        let qkv = FloatPointer(run.activations(input))
        let keySize = channels * keyStride
        let keys = run.scratch
        transposeParts(run, qkv, which: 1, to: keys)
        let rows = keys + run.batch * heads * keySize
        run.parallelFor(run.batch * heads * blocks) { item, slot in
            let (pair, block) = (item / blocks, item % blocks)
            let (image, head) = (pair / heads, pair % heads)
            let first = block * Self.block
            let count = min(Self.block, pixels - first)
            let weights = rows + slot * Self.block * keyStride
            softmaxRows(qkv, keys + pair * keySize, image: image, head: head, first: first, count: count, to: weights)
            MatrixProduct.multiply(
                rows: count, columns: channels, depth: pixels, a: FloatPointer(weights), lda: keyStride,
                b: part(qkv, image: image, head: head, 2), ldb: input.shape.stride,
                c: run.activations(output) + image * output.shape.count + first * stride + head * channels, ldc: stride)
        }
        zeroPadding(run, run.activations(output), rowStride: stride, from: output.shape.channels, to: stride)
    }

    /// Writes part number `which` of the input, transposed, to `target`, [batch, heads, channels, keyStride].
    private func transposeParts(_ run: GraphRun, _ qkv: FloatPointer, which: Int, to target: MutableFloatPointer) {
        run.parallelFor(run.batch * heads) { pair, _ in
            MatrixProduct.transpose(
                rows: pixels, columns: channels, part(qkv, image: pair / heads, head: pair % heads, which),
                lds: input.shape.stride, target + pair * channels * keyStride, ldt: keyStride)
        }
    }

    /// Writes `count` rows of W, from row `first` on, to `weights`.
    private func softmaxRows(
        _ qkv: FloatPointer, _ keys: MutableFloatPointer, image: Int, head: Int, first: Int, count: Int,
        to weights: MutableFloatPointer
    ) {
        MatrixProduct.multiply(
            rows: count, columns: pixels, depth: channels,
            a: part(qkv, image: image, head: head, 0) + first * input.shape.stride, lda: input.shape.stride,
            b: FloatPointer(keys), ldb: keyStride, c: weights, ldc: keyStride, factor: factor)
        for row in 0..<count { softmax(weights + row * keyStride) }
    }

    /// Replaces the row by its softmax, and the floats past its last key by zeros.
    private func softmax(_ row: MutableFloatPointer) {
        var largest = -Float.infinity
        for index in 0..<pixels { largest = max(largest, row[index]) }
        // An exponent of minus infinity makes the floats past the last key zero.
        for index in pixels..<keyStride { row[index] = -Float.infinity }
        let shift = FloatVector(repeating: largest)
        var sums = FloatVector.zero
        var index = 0
        while index < keyStride {
            let x = load(row + index)
            var e = exponential(x - shift)
            e = e.replacing(with: FloatVector.zero, where: x .== FloatVector(repeating: -Float.infinity))
            sums += e
            store(e, row + index)
            index += lanes
        }
        let inverse = FloatVector(repeating: 1 / sums.sum())
        index = 0
        while index < keyStride {
            store(load(row + index) * inverse, row + index)
            index += lanes
        }
    }

    // MARK: - Pullback

    package func pullback(_ run: GraphRun) {
        guard let (target, adds) = run.delivery(0, of: input) else { return }
        let qkv = FloatPointer(run.activations(input)), cotangent = FloatPointer(run.cotangent(output))
        let keySize = channels * keyStride
        let keys = run.scratch
        let values = keys + run.batch * heads * keySize
        let weights = values + run.batch * heads * keySize
        let slopes = weights + run.batch * heads * pixels * keyStride
        let columns = slopes + run.batch * heads * pixels * keyStride
        transposeParts(run, qkv, which: 1, to: keys)
        transposeParts(run, qkv, which: 2, to: values)
        run.parallelFor(run.batch * heads * blocks) { item, _ in
            let (pair, first) = (item / blocks, item % blocks * Self.block)
            let (image, head) = (pair / heads, pair % heads)
            let count = min(Self.block, pixels - first)
            let offset = (pair * pixels + first) * keyStride
            softmaxRows(
                qkv, keys + pair * keySize, image: image, head: head, first: first, count: count, to: weights + offset)
            MatrixProduct.multiply(
                rows: count, columns: pixels, depth: channels,
                a: cotangent + image * output.shape.count + first * stride + head * channels, lda: stride,
                b: FloatPointer(values + pair * keySize), ldb: keyStride, c: slopes + offset, ldc: keyStride)
            for row in 0..<count { slope(weights + offset + row * keyStride, slopes + offset + row * keyStride) }
            MatrixProduct.multiply(
                rows: count, columns: channels, depth: pixels, a: FloatPointer(slopes + offset), lda: keyStride,
                b: part(qkv, image: image, head: head, 1), ldb: input.shape.stride,
                c: place(target, image: image, head: head, 0) + first * input.shape.stride, ldc: input.shape.stride,
                factor: factor, adds: adds)
        }
        run.parallelFor(run.batch * heads * blocks) { item, slot in
            let (pair, first) = (item / blocks, item % blocks * Self.block)
            let (image, head) = (pair / heads, pair % heads)
            let count = min(Self.block, pixels - first)
            let start = pair * pixels * keyStride + first
            let rows = columns + slot * Self.block * pixels
            MatrixProduct.transpose(
                rows: pixels, columns: count, FloatPointer(slopes + start), lds: keyStride, rows, ldt: pixels)
            MatrixProduct.multiply(
                rows: count, columns: channels, depth: pixels, a: FloatPointer(rows), lda: pixels,
                b: part(qkv, image: image, head: head, 0), ldb: input.shape.stride,
                c: place(target, image: image, head: head, 1) + first * input.shape.stride, ldc: input.shape.stride,
                factor: factor, adds: adds)
            MatrixProduct.transpose(
                rows: pixels, columns: count, FloatPointer(weights + start), lds: keyStride, rows, ldt: pixels)
            MatrixProduct.multiply(
                rows: count, columns: channels, depth: pixels, a: FloatPointer(rows), lda: pixels,
                b: cotangent + image * output.shape.count + head * channels, ldb: stride,
                c: place(target, image: image, head: head, 2) + first * input.shape.stride, ldc: input.shape.stride,
                adds: adds)
        }
        guard !adds else { return }
        for part in 0..<3 {
            zeroPadding(
                run, target, rowStride: input.shape.stride, from: part * stride + output.shape.channels,
                to: (part + 1) * stride)
        }
    }

    private func place(_ start: MutableFloatPointer, image: Int, head: Int, _ which: Int) -> MutableFloatPointer {
        start + image * input.shape.count + which * stride + head * channels
    }

    /// Sets slopes to weights * (slopes - sum over keys of weights * slopes).
    private func slope(_ weights: MutableFloatPointer, _ slopes: MutableFloatPointer) {
        var sums = FloatVector.zero
        for index in pixels..<keyStride { slopes[index] = 0 }
        var index = 0
        while index < keyStride {
            sums = multiplyAdd(sums, load(weights + index), load(slopes + index))
            index += lanes
        }
        let total = FloatVector(repeating: sums.sum())
        index = 0
        while index < keyStride {
            store(load(weights + index) * (load(slopes + index) - total), slopes + index)
            index += lanes
        }
    }

    /// Sets the floats `first`..<`end` of every pixel to zero.
    private func zeroPadding(_ run: GraphRun, _ map: MutableFloatPointer, rowStride: Int, from first: Int, to end: Int)
    {
        guard first < end else { return }
        for pixel in 0..<run.batch * pixels {
            for index in first..<end { map[pixel * rowStride + index] = 0 }
        }
    }
}
