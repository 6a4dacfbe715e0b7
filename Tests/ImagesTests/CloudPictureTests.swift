import Images
import Tensors
import TestSupport
import Testing

@Suite struct CloudPictureTests {
    private func image(_ coordinates: [Float]) -> Image {
        CloudPicture.images(Tensor(shape: [1, coordinates.count / 3, 3], elements: coordinates))[0]
    }

    /// The place and the scale of a cloud, and the order of its points, change nothing.
    @Test func aPictureDependsOnTheShapeAlone() {
        let points = testNumbers(300, seed: 3)
        let drawn = image(points)
        #expect(drawn.form == "256x256 gray" && Set(drawn.pixels).count > 30)
        let reversed = (0..<100).reversed().flatMap { Array(points[3 * $0..<3 * $0 + 3]) }
        #expect(image(reversed) == drawn)
        let moved = image(points.map { 4 * $0 })
        #expect(moved == drawn)
    }

    /// A point above another one is drawn above it, and one to the right of the viewer to the right.
    @Test func upIsUp() {
        // Two balls at the ends of a rod, and two small steps between them so that the rod is a cloud.
        func rod(_ axis: SIMD3<Float>) -> Image {
            image([-1, -0.99, 0.99, 1].flatMap { [axis.x * $0, axis.y * $0, axis.z * $0] })
        }
        func rows(_ image: Image) -> [Int] {
            (0..<256).filter { y in (0..<256).contains { image.level(x: $0, y: y, channel: 0) < 255 } }
        }
        let upright = rows(rod(SIMD3(0, 1, 0)))
        #expect(upright.first ?? 99 < 15 && upright.last ?? 0 > 240)
        // Seen from above, the end of the z axis that is nearer to the viewer is lower in the picture.
        let near = image([0, 0, 1, 0, 0, 1.001, 0, 0, -1, 0.5, 0, -1])
        let lowest = rows(near).last ?? 0
        #expect(lowest > 150)
    }

    @Test func othersAreRefused() throws {
        let pairs = Tensor<Float>(shape: [1, 3, 3])
        #expect(throws: (any Error).self) { try Quantization.round.drawings(pairs, seeds: [0]) }
        let hollow = Tensor<Float>(shape: [1, 4, 3], repeating: .nan)
        #expect(
            performing: { try Quantization.round.drawings(hollow, seeds: [12]) },
            throws: {
                "\($0)".contains("seed 12")
            })
    }
}
