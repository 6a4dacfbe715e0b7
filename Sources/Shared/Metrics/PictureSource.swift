import Diagnostics
import Formats
import Images
import TensorStream
import Tensors

/// Some pictures as levels, with their seeds.
package struct PictureBatch: Sendable {
    /// The levels 0...255, [B, C, H, W].
    package let levels: Tensor<Float>
    /// The samples' seeds; nil if they have none.
    package let seeds: [Int64]?
    /// The mean squared difference of each picture from its teacher's, before quantization; nil if there is no
    /// teacher's.
    package let squaredErrors: [Double]?

    package init(levels: Tensor<Float>, seeds: [Int64]?, squaredErrors: [Double]? = nil) {
        self.levels = levels
        self.seeds = seeds
        self.squaredErrors = squaredErrors
    }
}

/// Gives pictures of one size and with the channels that a feature network takes, batch after batch.
package protocol PictureSource: AnyObject {
    /// The number of all pictures; nil if it is not known beforehand.
    var count: Int? { get }
    /// Whether samples became 8-bit levels on the way.
    var isQuantized: Bool { get }
    /// A warning about the pictures that were given so far; nil if they look right.
    var warning: String? { get }
    /// The programs that made the pictures given so far; nil if they are not told.
    var pipeline: String? { get }
    /// Returns the next pictures; nil at the end.
    func next() throws -> PictureBatch?
}

extension PictureSource {
    package var pipeline: String? { nil }
}

/// Throws `.data` if pictures have three channels and the features take one.
func checkChannels(_ own: Int, fit channels: Int) throws {
    guard own == channels || own == 1 else {
        throw Failure(.data, "holds RGB pictures, and the features take gray ones", suggestion: "convert them to gray")
    }
}

extension Tensor<Float> {
    /// Returns pictures [B, 1 or 3, H, W] with `channels` channels: gray ones are repeated. Throws `.data` if the pictures
    /// are coloured and the features take gray ones.
    func withChannels(_ channels: Int) throws -> Tensor<Float> {
        try checkChannels(shape[1], fit: channels)
        return shape[1] == channels ? self : .joiningChannels([Tensor](repeating: self, count: channels))
    }
}

/// The PNG files of a folder.
package final class FolderPictures: PictureSource {
    private let folder: PictureFolder
    private let batch: Int
    private let channels: Int
    private var position = 0
    private var first: Image?

    /// - Parameter channels: the number of channels that the features take, 1 or 3.
    package init(_ folder: PictureFolder, batch: Int, channels: Int) {
        self.folder = folder
        self.batch = batch
        self.channels = channels
    }

    package var count: Int? { folder.count }
    package var isQuantized: Bool { false }
    package var warning: String? { nil }

    /// Throws `.data` if a file is damaged or has a colour that the features do not take, and if its size differs from the
    /// first file's; the file is named.
    package func next() throws -> PictureBatch? {
        guard position < folder.count else { return nil }
        let range = position..<min(position + batch, folder.count)
        let planes = try range.map { index in
            let picture = try folder.picture(index)
            let first = self.first ?? picture
            guard (picture.width, picture.height) == (first.width, first.height) else {
                throw Failure(
                    .data, place: folder.path,
                    "\(folder.names[index]) is \(picture.form), but \(folder.names[0]) is \(first.form)",
                    suggestion: "pictures of one size are needed")
            }
            self.first = first
            return try locating(folder.file(index)) { try picture.planes.withChannels(channels) }
        }
        position = range.upperBound
        return PictureBatch(levels: .concatenate(planes), seeds: folder.seeds.map { Array($0[range]) })
    }
}

/// The samples of a stream, quantized as ld3-sample's PNG files are. Integers are levels already.
package final class StreamPictures: PictureSource {
    private let reader: SampleReader
    private let quantization: Quantization
    private let channels: Int
    private var range = SampleRange()
    package private(set) var isQuantized = false
    package private(set) var pipeline: String?

    /// - Parameters:
    ///   - reader: a reader that knows the tensors `image` and `target` (the teacher's sample).
    ///   - channels: the number of channels that the features take, 1 or 3.
    package init(_ reader: SampleReader, quantization: Quantization, channels: Int) {
        self.reader = reader
        self.quantization = quantization
        self.channels = channels
    }

    /// The count is not known: other parts may follow the one that tells its own.
    package var count: Int? { nil }

    package var warning: String? { range.unsigned.map { "\($0.fault); \($0.remedy)" } ?? range.beyond }

    package func next() throws -> PictureBatch? {
        while let samples = try reader.next() {
            guard samples.count > 0 else { continue }
            if pipeline == nil { pipeline = try? samples.part.history().pipeline }
            return try locating(samples.part.place ?? "samples") {
                guard let image = samples["image"] else { throw Failure(.data, "no tensor named `image`") }
                try PictureLayout.channelsFirst.check(image)
                guard image.type.isFloat else {
                    let levels = try Tensor(shape: image.shape, elements: image.levels())
                    return PictureBatch(levels: try levels.withChannels(channels), seeds: samples.seeds)
                }
                isQuantized = true
                let values = try samples.floatTensor("image")
                range.add(values.elements)
                return PictureBatch(
                    levels: try quantization.levels(values, seeds: samples.seeds).withChannels(channels),
                    seeds: samples.seeds, squaredErrors: try squaredErrors(values, samples))
            }
        }
        return nil
    }

    private func squaredErrors(_ values: Tensor<Float>, _ samples: SampleBatch) throws -> [Double]? {
        guard samples.tensors.contains(where: { $0.name == "target" }) else { return nil }
        let shape = try samples.sampleShape("target")
        guard shape == values.sampleShape else {
            throw Failure(.data, "`target` has shape \(shape), but `image` \(values.sampleShape)")
        }
        return try Metrics.squaredErrors(values.elements, samples.floats("target"), count: values.batch)
    }
}
