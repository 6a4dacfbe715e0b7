extension GroupNorm {
    package func pullback(_ run: GraphRun) {
        for part in parts { slopes(run, part.value, first: part.first) }
        guard let weights = preparedWeights else { preconditionFailure("\(gamma.name) was not prepared") }
        for image in 0..<run.batch { finishPullback(run, image, weights) }
        for part in parts {
            guard let (target, adds) = run.delivery(part.index, of: part.value) else { continue }
            deliver(run, part.value, first: part.first, target: target, adds: adds)
        }
    }

    /// Returns the memory of g: the output's cotangent, or scratch memory if the output has another size.
    private func slopeMap(_ run: GraphRun) -> MutableFloatPointer {
        options.halves ? run.scratch + run.batch * 4 * stride : run.cotangent(output)
    }

    /// Computes g, the cotangent of z, for every pixel, and the sums over pixels of g and of g (x - mean) in the
    /// scratch memory, [batch][4][stride].
    private func slopes(_ run: GraphRun, _ value: Value, first: Int) {
        let (own, pixels, width) = (value.shape.stride, value.shape.pixels, value.shape.width)
        let blocks = own / lanes
        let input = FloatPointer(run.activations(value)), cotangent = FloatPointer(run.cotangent(output))
        let map = slopeMap(run)
        run.parallelFor(run.batch * blocks) { item, _ in
            let (image, column) = (item / blocks, item % blocks * lanes)
            let start = input + image * value.shape.count + column
            let saved = run.saved + image * savedCount + first + column
            let a = load(saved), o = load(saved + stride), mean = load(saved + 2 * stride)
            let outer = cotangent + image * output.shape.count + first + column
            let inner = map + image * sources.shape.count + first + column
            var total = FloatVector.zero, moment = FloatVector.zero
            var pixel = 0
            while pixel < pixels {
                let end = min(pixel + 32, pixels)
                var partTotal = FloatVector.zero, partMoment = FloatVector.zero
                while pixel < end {
                    let x = load(start + pixel * own)
                    var g: FloatVector
                    if options.halves {
                        let (row, line) = (pixel / width / 2, pixel % width / 2)
                        g = FloatVector(repeating: 0.25) * load(outer + (row * (width / 2) + line) * stride)
                    } else {
                        g = load(outer + pixel * stride)
                    }
                    if options.silu {
                        let z = multiplyAdd(o, x, a)
                        let s = logistic(z)
                        // silu'(z) = s (1 + z (1 - s))
                        let one = FloatVector(repeating: 1)
                        g *= s * multiplyAdd(one, z, one - s)
                    }
                    store(g, inner + pixel * stride)
                    partTotal += g
                    partMoment = multiplyAdd(partMoment, g, x - mean)
                    pixel += 1
                }
                total += partTotal
                moment += partMoment
            }
            let sums = run.scratch + image * 4 * stride + first + column
            store(total, sums)
            store(moment, sums + stride)
        }
    }

    /// Computes the two means of each group as the coefficients D and E of: cotangent of x = A g + (x - mean) D + E.
    /// Delivers the cotangents of scale and shift.
    private func finishPullback(_ run: GraphRun, _ image: Int, _ weights: FloatBuffer) {
        let sums = run.scratch + image * 4 * stride
        let saved = run.saved + image * savedCount
        for index in 2 * stride..<4 * stride { sums[index] = 0 }
        let size = positions.count / options.groups
        let elements = Double(sources.shape.pixels * size)
        for group in 0..<options.groups {
            let range = group * size..<(group + 1) * size
            var mean = 0.0, moment = 0.0
            // A = gamma' r, so r mean(gamma' g) = mean(A g), and r^2 mean(gamma' g x^) = r^2 mean(A g (x - mean)).
            for position in positions[range] {
                mean += Double(saved[position]) * Double(sums[position])
                moment += Double(saved[position]) * Double(sums[stride + position])
            }
            for position in positions[range] {
                let r = Double(saved[3 * stride + position])
                sums[2 * stride + position] = Float(-r * r * moment / elements)
                sums[3 * stride + position] = Float(-mean / elements)
            }
        }
        guard let value = options.adaptation, let (target, adds) = run.delivery(sources.values.count, of: value) else {
            return
        }
        let start = target + image * value.shape.stride
        let half = value.shape.stride / 2
        if !adds { for index in 0..<value.shape.stride { start[index] = 0 } }
        for (channel, position) in positions.enumerated() {
            let r = saved[3 * stride + position]
            let (gamma, beta) = (weights.start[position], weights.start[stride + position])
            start[channel] += gamma * r * sums[stride + position] + beta * sums[position]
            start[half + channel] += sums[position]
        }
    }

    /// Writes or adds the cotangent of one source.
    private func deliver(_ run: GraphRun, _ value: Value, first: Int, target: MutableFloatPointer, adds: Bool) {
        let (own, width) = (value.shape.stride, value.shape.width)
        let rows = value.shape.height
        let input = FloatPointer(run.activations(value)), map = FloatPointer(slopeMap(run))
        run.parallelFor(run.batch * rows) { row, _ in
            let image = row / rows
            let saved = FloatPointer(run.saved + image * savedCount + first)
            let coefficients = FloatPointer(run.scratch + image * 4 * stride + 2 * stride + first)
            for x in 0..<width {
                let pixel = row * width + x
                var k = 0
                while k < own {
                    let centred = load(input + pixel * own + k) - load(saved + 2 * stride + k)
                    var value = multiplyAdd(load(coefficients + stride + k), centred, load(coefficients + k))
                    value = multiplyAdd(value, load(map + pixel * stride + first + k), load(saved + k))
                    let place = target + pixel * own + k
                    store(adds ? value + load(place) : value, place)
                    k += lanes
                }
            }
        }
    }
}
