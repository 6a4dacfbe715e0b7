import Diagnostics
import Formats
import Images
import Tensors

/// The place of the channels in an array of pictures [N, ...].
enum PictureLayout {
    case channelsFirst, channelsLast

    /// Returns the layout of an array of this shape: the one in which it has 1 or 3 channels, `preferred` if both fit.
    /// Throws `.data`, with the remedy, if neither fits.
    init(of array: NamedTensor, preferring preferred: PictureLayout) throws {
        let fitting = [preferred, .channelsFirst, .channelsLast].first { $0.fits(array.shape) }
        guard let fitting else { throw preferred.misfit(array) }
        self = fitting
    }

    /// Throws `.data`, with the remedy, if `array` does not have this layout.
    func check(_ array: NamedTensor) throws {
        guard fits(array.shape) else { throw misfit(array) }
    }

    /// The dimension of the channels.
    var axis: Int { self == .channelsFirst ? 1 : 3 }

    private func fits(_ shape: [Int]) -> Bool {
        shape.count == 4 && [1, 3].contains(shape[axis]) && shape.dropFirst().allSatisfy { $0 > 0 }
    }

    private func misfit(_ array: NamedTensor) -> Failure {
        let shape = array.shape
        let sizes = shape.dropFirst()
        var remedy = "pictures are [N, 1, H, W] or [N, 3, H, W]"
        if isCloudShape(Array(sizes)) {
            remedy = "clouds are compared with a file of clouds as --reference, and have no statistics"
        } else if shape.count == 4, [1, 3].contains(shape[3]) {
            remedy = "its channels stand last: move them, as numpy.moveaxis(x, -1, 1) does"
        } else if shape.count == 4, shape[1] == 4 || shape[3] == 4 {
            remedy = "drop the alpha channel: \(remedy)"
        } else if shape.count == 3 {
            remedy = "reshape it to [\(shape[0]), 1, \(shape[1]), \(shape[2])] if these are gray pictures"
        }
        return Failure(.data, "`\(array.name)` of shape \(shape) holds no pictures", suggestion: remedy)
    }
}

extension NamedTensor {
    /// Returns the elements of an array of integers as levels. Throws `.data` if one is none of 0...255.
    func levels() throws -> [Float] {
        guard type != .bool else {
            throw Failure(.data, "`\(name)` is BOOL", suggestion: "levels are integers from 0 to 255")
        }
        let values = try int64s()
        if let bad = values.firstIndex(where: { !(0...255).contains($0) }) {
            let picture = bad / max(values.count / max(shape[0], 1), 1)
            throw Failure(
                .data, "`\(name)` is \(type.rawValue) and holds \(values[bad]) in picture \(picture)",
                suggestion: "integers are taken as levels from 0 to 255")
        }
        return values.map { Float($0) }
    }
}

/// An array of pictures in a .npy file or in an .npz archive, of levels or of samples, without seeds.
package final class ArrayPictures: PictureSource {
    private let array: NamedTensor
    private let layout: PictureLayout
    private let quantization: Quantization
    private let batch: Int
    private let channels: Int
    private var position = 0
    package let warning: String?

    /// Checks the whole array, so that a wrong one is refused before features are computed.
    ///
    /// - Parameters:
    ///   - prefersChannelsLast: the layout of an array of which the first and the last size can be channels.
    ///   - channels: the number of channels that the features take, 1 or 3.
    /// - Throws: `.data` if the array has no 1 or 3 channels, if integers are no levels, and if no float is negative.
    package init(
        _ array: NamedTensor, prefersChannelsLast: Bool, quantization: Quantization, batch: Int, channels: Int
    ) throws {
        layout = try PictureLayout(of: array, preferring: prefersChannelsLast ? .channelsLast : .channelsFirst)
        (self.array, self.quantization, self.batch, self.channels) = (array, quantization, batch, channels)
        try checkChannels(array.shape[layout.axis], fit: channels)
        if array.type.isFloat {
            warning = try Self.checkedSamples(array).beyond
        } else {
            let highest = try array.levels().max() ?? 0
            guard highest > 1 || array.count == 0 else {
                throw Failure(
                    .data, "`\(array.name)` is \(array.type.rawValue) and holds 0 and 1 only",
                    suggestion: "integers are taken as levels from 0 to 255")
            }
            warning = nil
        }
    }

    package var count: Int? { array.shape[0] }
    package var isQuantized: Bool { array.type.isFloat }

    package func next() throws -> PictureBatch? {
        guard position < array.shape[0] else { return nil }
        let range = position..<min(position + batch, array.shape[0])
        position = range.upperBound
        let size = array.bytes.count / array.shape[0]
        let part = NamedTensor(
            name: array.name, type: array.type, shape: [range.count] + array.shape.dropFirst(),
            bytes: Array(array.bytes[range.lowerBound * size..<range.upperBound * size]))
        let elements = array.type.isFloat ? try part.floats() : try part.levels()
        let values = Self.channelsFirst(Tensor(shape: part.shape, elements: elements), layout)
        let levels = array.type.isFloat ? try quantization.levels(values, seeds: []) : values
        return PictureBatch(levels: try levels.withChannels(channels), seeds: nil)
    }

    private static func checkedSamples(_ array: NamedTensor) throws -> SampleRange {
        let values = try array.floats()
        if let bad = values.firstIndex(where: { !$0.isFinite }) {
            let word = values[bad].isNaN ? "NaN" : "infinity"
            throw Failure(.data, "`\(array.name)` has \(word) in picture \(bad / (values.count / array.shape[0]))")
        }
        var range = SampleRange()
        range.add(values)
        if let unsigned = range.unsigned {
            throw Failure(.data, "`\(array.name)` \(unsigned.fault)", suggestion: unsigned.remedy)
        }
        return range
    }

    private static func channelsFirst(_ values: Tensor<Float>, _ layout: PictureLayout) -> Tensor<Float> {
        guard layout == .channelsLast else { return values }
        let (height, width, channels) = (values.shape[1], values.shape[2], values.shape[3])
        let pixels = height * width
        return Tensor(shape: [values.batch, channels, height, width]) { target in
            values.withElements { source in
                for sample in 0..<values.batch {
                    let start = sample * pixels * channels
                    for channel in 0..<channels {
                        for pixel in 0..<pixels {
                            target[start + channel * pixels + pixel] = source[start + pixel * channels + channel]
                        }
                    }
                }
            }
        }
    }
}
