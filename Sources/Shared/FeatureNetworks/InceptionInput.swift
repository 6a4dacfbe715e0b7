import Tensors

/// The ways in which pictures of 8-bit levels become Inception's input of 299x299 (docs/methods/metrics.md, "Inception
/// input"). The tools differ here, and so does FID: a reference must be made from the same input.
package enum InceptionInput: String, Sendable, CaseIterable {
    /// EDM, StyleGAN and the TensorFlow original: bilinear without the half-pixel shift, (x - 128) / 128.
    case edm
    /// pytorch-fid: bilinear between half-pixel centres of x / 255, then 2 x - 1.
    case pytorchFID = "pytorch-fid"
    /// clean-fid: Pillow's bicubic in floating point, clipped to 0...255, (x - 128) / 128.
    case cleanFID = "clean-fid"

    static let side = 299

    /// Returns the input [B, 3, 299, 299] for levels 0...255, [B, 3, H, W].
    package func prepare(_ levels: Tensor<Float>, pool: ThreadPool? = nil) -> Tensor<Float> {
        let (height, width) = (levels.shape[2], levels.shape[3])
        let (rows, columns) = (AxisFilter(self, from: height), AxisFilter(self, from: width))
        let planes = levels.batch * levels.shape[1]
        let source = levels.elements
        return Tensor(
            shape: [levels.batch, levels.shape[1], Self.side, Self.side], rows: planes, pool: pool
        ) { plane in
            let picture = Array(source[plane * height * width..<(plane + 1) * height * width])
            return Self.resize(picture, width: width, rows: rows, columns: columns).map(scale)
        }
    }

    private func scale(_ level: Float) -> Float {
        switch self {
        case .edm: (level - 128) / 128
        case .pytorchFID: 2 * (level / 255) - 1
        case .cleanFID: (min(max(level, 0), 255) - 128) / 128
        }
    }

    /// Resizes along the rows first, then along the columns.
    private static func resize(
        _ picture: [Float], width: Int, rows: AxisFilter, columns: AxisFilter
    ) -> [Float] {
        let height = picture.count / width
        var narrow = [Float](repeating: 0, count: height * side)
        for y in 0..<height {
            for x in 0..<side {
                var sum: Float = 0
                for tap in 0..<columns.taps {
                    sum +=
                        columns.weights[x * columns.taps + tap]
                        * picture[y * width + columns.places[x * columns.taps + tap]]
                }
                narrow[y * side + x] = sum
            }
        }
        var result = [Float](repeating: 0, count: side * side)
        for y in 0..<side {
            for tap in 0..<rows.taps {
                let weight = rows.weights[y * rows.taps + tap]
                let start = rows.places[y * rows.taps + tap] * side
                for x in 0..<side { result[y * side + x] += weight * narrow[start + x] }
            }
        }
        return result
    }
}

/// The pixels, with their weights, that make each of the 299 pixels along one axis; each has the same number of taps.
private struct AxisFilter {
    let taps: Int
    /// [299, taps]
    let places: [Int]
    /// [299, taps]
    let weights: [Float]

    init(_ input: InceptionInput, from length: Int) {
        let lists = (0..<InceptionInput.side).map { position in
            switch input {
            case .edm: Self.bilinear(at: Double(position) * Double(length) / Double(InceptionInput.side), length)
            case .pytorchFID:
                Self.bilinear(
                    at: max((Double(position) + 0.5) * Double(length) / Double(InceptionInput.side) - 0.5, 0), length)
            case .cleanFID: Self.bicubic(position, length)
            }
        }
        let taps = lists.map(\.count).max() ?? 0
        self.taps = taps
        places = lists.flatMap { list in list.map(\.place) + Array(repeating: 0, count: taps - list.count) }
        weights = lists.flatMap { list in
            list.map { Float($0.weight) } + Array(repeating: 0, count: taps - list.count)
        }
    }

    private typealias Tap = (place: Int, weight: Double)

    private static func bilinear(at position: Double, _ length: Int) -> [Tap] {
        let low = min(Int(position), length - 1)
        return [(low, 1 - (position - Double(low))), (min(low + 1, length - 1), position - Double(low))]
    }

    /// Returns the taps of Pillow's filter: Keys' cubic with a = -1/2, widened if the picture shrinks, with weights
    /// that sum to 1.
    private static func bicubic(_ position: Int, _ length: Int) -> [Tap] {
        let ratio = Double(length) / Double(InceptionInput.side)
        let stretch = max(ratio, 1)
        let centre = (Double(position) + 0.5) * ratio
        let first = max(Int(centre - 2 * stretch + 0.5), 0)
        let end = min(Int(centre + 2 * stretch + 0.5), length)
        let taps = (first..<end).map { place in
            (place, cubic((Double(place) - centre + 0.5) / stretch))
        }
        let total = taps.reduce(0) { $0 + $1.1 }
        return taps.map { ($0.0, $0.1 / total) }
    }

    private static func cubic(_ x: Double) -> Double {
        let (a, x) = (-0.5, abs(x))
        if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
    }
}
