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

/// Gives pictures of one form, batch after batch.
package protocol PictureSource: AnyObject {
    /// The number of all pictures; nil if it is not known beforehand.
    var count: Int? { get }
    /// Returns the next pictures; nil at the end.
    func next() throws -> PictureBatch?
}

/// The PNG files of a folder.
package final class FolderPictures: PictureSource {
    private let folder: PictureFolder
    private let batch: Int
    private var position = 0
    private var first: Image?

    package init(_ folder: PictureFolder, batch: Int) {
        self.folder = folder
        self.batch = batch
    }

    package var count: Int? { folder.count }

    /// Throws `.data` if a file is damaged, or if its form differs from the first file's; both are named then.
    package func next() throws -> PictureBatch? {
        guard position < folder.count else { return nil }
        let range = position..<min(position + batch, folder.count)
        let planes = try range.map { index in
            let picture = try folder.picture(index)
            let first = self.first ?? picture
            guard picture.form == first.form else {
                throw Failure(
                    .data, place: folder.path,
                    "\(folder.names[index]) is \(picture.form), but \(folder.names[0]) is \(first.form)",
                    suggestion: "pictures of one size are needed")
            }
            self.first = first
            return picture.planes
        }
        position = range.upperBound
        return PictureBatch(levels: .concatenate(planes), seeds: folder.seeds.map { Array($0[range]) })
    }
}

/// The samples of a stream, quantized as ld3-sample's PNG files are.
package final class StreamPictures: PictureSource {
    private let reader: SampleReader
    private let quantization: Quantization

    /// - Parameter reader: a reader that knows the tensors `image` and `target` (the teacher's sample).
    package init(_ reader: SampleReader, quantization: Quantization) {
        self.reader = reader
        self.quantization = quantization
    }

    /// The count is not known: other parts may follow the one that tells its own.
    package var count: Int? { nil }

    package func next() throws -> PictureBatch? {
        while let samples = try reader.next() {
            guard samples.count > 0 else { continue }
            let shape = try samples.sampleShape("image")
            guard shape.count == 3 else {
                throw Failure(
                    .data, place: samples.part.place, "samples of shape \(shape) are no pictures",
                    suggestion: isCloudShape(shape)
                        ? "clouds are compared with a file of clouds as --reference, and have no statistics"
                        : "pictures are [1, H, W] or [3, H, W]")
            }
            let values = try samples.floatTensor("image")
            return PictureBatch(
                levels: try quantization.levels(values, seeds: samples.seeds), seeds: samples.seeds,
                squaredErrors: try squaredErrors(values, samples))
        }
        return nil
    }

    private func squaredErrors(_ values: Tensor<Float>, _ samples: SampleBatch) throws -> [Double]? {
        guard samples.tensors.contains(where: { $0.name == "target" }) else { return nil }
        let shape = try samples.sampleShape("target")
        guard shape == values.sampleShape else {
            throw Failure(
                .data, place: samples.part.place, "`target` has shape \(shape), but `image` \(values.sampleShape)")
        }
        let targets = try samples.floats("target")
        let (elements, size) = (values.elements, values.sampleCount)
        return (0..<values.batch).map { sample in
            (sample * size..<(sample + 1) * size).reduce(0) { sum, index in
                let difference = Double(elements[index]) - Double(targets[index])
                return sum + difference * difference
            } / Double(size)
        }
    }
}

/// The array `arr_0` [N, H, W, C] of guided-diffusion's sample files.
package final class ArrayPictures: PictureSource {
    private let array: NamedTensor
    private let batch: Int
    private var position = 0

    /// Throws `.data` if the array is not U8 with 1 or 3 channels.
    package init(_ array: NamedTensor, batch: Int) throws {
        guard array.type == .uint8, array.shape.count == 4, [1, 3].contains(array.shape[3]) else {
            throw Failure(
                .data, "`\(array.name)` is \(array.type.rawValue) of shape \(array.shape), not U8 [N, H, W, 1 or 3]")
        }
        self.array = array
        self.batch = batch
    }

    package var count: Int? { array.shape[0] }

    package func next() throws -> PictureBatch? {
        let (total, height, width, channels) = (array.shape[0], array.shape[1], array.shape[2], array.shape[3])
        guard position < total else { return nil }
        let range = position..<min(position + batch, total)
        position = range.upperBound
        let size = height * width * channels
        let planes = range.map { index in
            let pixels = Array(array.bytes[index * size..<(index + 1) * size])
            return Image(width: width, height: height, channels: channels, pixels: pixels).planes
        }
        return PictureBatch(levels: .concatenate(planes), seeds: nil)
    }
}
