import Tensors

extension GatedPointLayers {
    /// Returns the last layer's values, [B, N, outputs].
    ///
    /// - Parameters:
    ///   - points: [B, N, inputs]
    ///   - context: [B, context]
    package func evaluate(_ points: Tensor<Float>, context: Tensor<Float>) -> Tensor<Float> {
        let gates = gates(context)
        return Tensor(shape: Array(points.shape.dropLast()) + [outputs]) { target in
            forEachBlock(points, scratchCount: 2 * Self.blockPoints * widest) { block, scratch in
                let result = forward(block, gates: gates, scratch: scratch, sums: nil)
                guard let start = target.baseAddress else { return }
                copy(result, stride: layers[layers.count - 1].stride, to: start, block, columns: outputs)
            }
        }
    }

    /// Returns the values and a closure that pulls a cotangent of them back.
    ///
    /// - Parameter rate: the derivative of the context along a parameter, such as the noise level, [B, context].
    /// - Returns: `pullback` takes [B, N, outputs]; it returns the cotangents of the points, [B, N, inputs], and of the
    ///   parameter, [B].
    package func linearize(
        _ points: Tensor<Float>, context: Tensor<Float>, rate: Tensor<Float>
    ) -> (value: Tensor<Float>, pullback: (Tensor<Float>) -> (points: Tensor<Float>, parameter: [Double])) {
        (
            evaluate(points, context: context),
            { [self] cotangent in pullback(cotangent, points, context: context, rate: rate) }
        )
    }

    private func pullback(
        _ cotangent: Tensor<Float>, _ points: Tensor<Float>, context: Tensor<Float>, rate: Tensor<Float>
    ) -> (points: Tensor<Float>, parameter: [Double]) {
        precondition(cotangent.shape == Array(points.shape.dropLast()) + [outputs])
        let gates = gates(context)
        let rates = gateRates(rate, gates: gates)
        let blocks = blockCount(points)
        var partial = [Double](repeating: 0, count: max(1, points.batch * blocks))
        let result = Tensor<Float>(shape: points.shape) { target in
            partial.withUnsafeMutableBufferPointer { partial in
                cotangent.withElements { given in
                    guard let start = target.baseAddress, let given = given.baseAddress else { return }
                    let scratchCount = Self.blockPoints * (2 * widest + channels)
                    forEachBlock(points, scratchCount: scratchCount) { block, scratch in
                        let sums = scratch + 2 * Self.blockPoints * widest
                        _ = forward(block, gates: gates, scratch: scratch, sums: sums)
                        enter(given, block, target: scratch, stride: layers[layers.count - 1].stride)
                        let (pulled, slope) = backward(block, gates: gates, rates: rates, scratch: scratch, sums: sums)
                        copy(pulled, stride: roundUp(inputs, to: lanes), to: start, block, columns: inputs)
                        partial[block.sample * blocks + block.number] = slope
                    }
                }
            }
        }
        // A cloud's blocks are added in their order, whichever thread computed them.
        let sums = (0..<points.batch).map { sample in
            partial[sample * blocks..<(sample + 1) * blocks].reduce(0, +)
        }
        return (result, sums)
    }
}

// MARK: - Blocks

/// Some points of one cloud.
struct PointBlock {
    let sample: Int
    /// The block's place in its cloud.
    let number: Int
    /// The first point's place among the points of all clouds.
    let firstRow: Int
    let count: Int
    /// The first point's coordinates.
    let start: FloatPointer

    /// Groups of eight points; the last group repeats the last point.
    var tiles: Int { (count + 7) / 8 }
}

extension GatedPointLayers {
    private func blockCount(_ points: Tensor<Float>) -> Int {
        (points.shape[1] + Self.blockPoints - 1) / Self.blockPoints
    }

    /// Calls `body` once for each block of all clouds, on several threads, each with scratch memory of its own.
    private func forEachBlock(
        _ points: Tensor<Float>, scratchCount: Int, _ body: (PointBlock, MutableFloatPointer) -> Void
    ) {
        precondition(points.shape.count == 3 && points.shape[2] == inputs)
        let blocks = blockCount(points)
        let scratch = FloatBuffer(count: scratchCount * pool.threads, for: .activations)
        points.withElements { elements in
            guard let start = elements.baseAddress else { return }
            pool.parallelFor(points.batch * blocks) { item, slot in
                let (sample, number) = item.quotientAndRemainder(dividingBy: blocks)
                let first = number * Self.blockPoints
                let row = sample * points.shape[1] + first
                let block = PointBlock(
                    sample: sample, number: number, firstRow: row,
                    count: min(Self.blockPoints, points.shape[1] - first), start: start + row * inputs)
                body(block, scratch.start + slot * scratchCount)
            }
        }
    }

    /// Copies a block's rows, without their padding, to their place in [B, N, columns].
    private func copy(
        _ source: FloatPointer, stride: Int, to target: MutableFloatPointer, _ block: PointBlock, columns: Int
    ) {
        for row in 0..<block.count {
            for column in 0..<columns {
                target[(block.firstRow + row) * columns + column] = source[row * stride + column]
            }
        }
    }

    /// Copies a block's rows of [B, N, outputs] and pads them with zeros, rows that repeat a point included.
    private func enter(_ source: FloatPointer, _ block: PointBlock, target: MutableFloatPointer, stride: Int) {
        target.update(repeating: 0, count: block.tiles * 8 * stride)
        for row in 0..<block.count {
            for column in 0..<outputs {
                target[row * stride + column] = source[(block.firstRow + row) * outputs + column]
            }
        }
    }

    /// Computes `matrix` times every row; `write` receives each tile of eight rows and up to 32 columns.
    @inline(__always)
    private func multiply(
        _ block: PointBlock, rows: FloatPointer, rowStride: Int, lastRow: Int, matrix: PanelMatrix,
        write: (_ sums: FloatPointer, _ row: Int, _ column: Int, _ width: Int) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: 8) { table in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { sums in
                guard let pointers = table.baseAddress, let sums = sums.baseAddress else { return }
                for panel in 0..<matrix.panelCount {
                    let width = matrix.width(ofPanel: panel)
                    for tile in 0..<block.tiles {
                        for row in 0..<8 { pointers[row] = rows + min(tile * 8 + row, lastRow) * rowStride }
                        multiplyPanel(
                            width: width, taps: 1, rows: pointers, depth: matrix.rows, panel: matrix.panel(panel),
                            c: sums, ldc: 32)
                        write(sums, tile * 8, panel * 32, width)
                    }
                }
            }
        }
    }

    /// Returns the last layer's values of a block, [block, outputs with padding], which lie in `scratch`.
    ///
    /// - Parameter sums: receives W x of every layer, [block, channels], if it is not nil.
    private func forward(
        _ block: PointBlock, gates: FloatBuffer, scratch: MutableFloatPointer, sums: MutableFloatPointer?
    ) -> FloatPointer {
        let half = Self.blockPoints * widest
        var input = block.start
        var (rowStride, lastRow) = (inputs, block.count - 1)
        for (index, layer) in layers.enumerated() {
            let target = scratch + index % 2 * half
            let gate = gates.start + block.sample * 2 * channels + layer.first
            let offset = gate + channels
            let isLast = index == layers.count - 1
            let slope = FloatVector(repeating: isLast ? 1 : self.slope)
            multiply(block, rows: input, rowStride: rowStride, lastRow: lastRow, matrix: layer.forward) {
                products, first, column, width in
                for row in 0..<8 {
                    for lane in stride(from: 0, to: width, by: lanes) {
                        let product = load(products + row * 32 + lane)
                        let place = column + lane
                        if let sums { store(product, sums + (first + row) * channels + layer.first + place) }
                        let y = multiplyAdd(load(offset + place), product, load(gate + place))
                        let value = y.replacing(with: y * slope, where: y .< FloatVector.zero)
                        store(value, target + (first + row) * layer.stride + place)
                    }
                }
            }
            (input, rowStride, lastRow) = (FloatPointer(target), layer.stride, block.tiles * 8 - 1)
        }
        return input
    }

    /// Pulls the last layer's cotangents back, which lie at the beginning of `scratch`.
    ///
    /// - Returns: the cotangents of the points, [block, inputs with padding], and the block's share of the parameter's.
    private func backward(
        _ block: PointBlock, gates: FloatBuffer, rates: FloatBuffer, scratch: MutableFloatPointer,
        sums: MutableFloatPointer
    ) -> (FloatPointer, Double) {
        let half = Self.blockPoints * widest
        var parameter = 0.0
        for (step, index) in layers.indices.reversed().enumerated() {
            let layer = layers[index]
            let (cotangent, target) = (scratch + step % 2 * half, scratch + (step + 1) % 2 * half)
            parameter += pullGates(
                block, layer, slope: index == layers.count - 1 ? 1 : slope, cotangent: cotangent,
                gate: gates.start + block.sample * 2 * channels + layer.first,
                rate: rates.start + block.sample * 2 * channels + layer.first, sums: sums + layer.first)
            let width = layer.pullback.columns
            multiply(
                block, rows: cotangent, rowStride: layer.stride, lastRow: block.tiles * 8 - 1, matrix: layer.pullback
            ) { products, first, column, columns in
                for row in 0..<8 {
                    for lane in stride(from: 0, to: columns, by: lanes) {
                        store(load(products + row * 32 + lane), target + (first + row) * width + column + lane)
                    }
                }
            }
        }
        return (FloatPointer(scratch + layers.count % 2 * half), parameter)
    }

    /// Turns the cotangents of a layer's values into those of W x, in place. Returns the parameter's cotangent.
    private func pullGates(
        _ block: PointBlock, _ layer: LayedOut, slope: Float, cotangent: MutableFloatPointer,
        gate: MutableFloatPointer, rate: MutableFloatPointer, sums: MutableFloatPointer
    ) -> Double {
        let slope = FloatVector(repeating: slope)
        var parameter = 0.0
        for column in stride(from: 0, to: layer.stride, by: lanes) {
            let (scale, offset) = (load(gate + column), load(gate + channels + column))
            let (scaleRate, shiftRate) = (load(rate + column), load(rate + channels + column))
            let bias = load(biases.start + layer.first + column)
            var sum = FloatVector.zero
            for row in 0..<block.tiles * 8 {
                let place = cotangent + row * layer.stride + column
                let product = load(sums + row * channels + column)
                let y = multiplyAdd(offset, product, scale)
                let given = load(place)
                let pulled = given.replacing(with: given * slope, where: y .< FloatVector.zero)
                sum = multiplyAdd(sum, pulled, multiplyAdd(shiftRate, product + bias, scaleRate))
                store(pulled * scale, place)
            }
            for lane in 0..<lanes { parameter += Double(sum[lane]) }
        }
        return parameter
    }
}
