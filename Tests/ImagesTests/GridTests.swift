import Diagnostics
import Images
import Testing

@Suite struct GridTests {
    @Test func rowsAndColumns() {
        let expected: [(Int, Int, Int)] = [
            (1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 2), (6, 2, 3), (7, 3, 3), (10, 2, 5), (12, 3, 4), (50, 5, 10),
            (64, 8, 8), (97, 10, 10), (100, 10, 10),
        ]
        for (count, rows, columns) in expected {
            #expect(PictureGrid(count: count) == PictureGrid(rows: rows, columns: columns), "\(count)")
        }
    }

    @Test func everyCountFits() {
        for count in 1...300 {
            let grid = PictureGrid(count: count)
            #expect(grid.rows * grid.columns >= count)
            #expect((grid.rows - 1) * grid.columns < count)
        }
    }

    @Test func picturesLandInTheirPlaces() throws {
        let images = (0..<3).map { Image(width: 2, height: 3, channels: 1, level: UInt8(10 * $0)) }
        let sheet = try PictureGrid(rows: 2, columns: 2).compose(images, gap: 1, scale: 2)
        #expect(sheet.width == 11)
        #expect(sheet.height == 15)
        #expect(sheet.level(x: 1, y: 1, channel: 0) == 0)
        #expect(sheet.level(x: 6, y: 1, channel: 0) == 10)
        #expect(sheet.level(x: 4, y: 13, channel: 0) == 20)
        #expect(sheet.level(x: 6, y: 8, channel: 0) == 255)
        #expect(sheet.level(x: 5, y: 1, channel: 0) == 255)
    }

    @Test func smallPicturesAreEnlarged() throws {
        let grid = PictureGrid(rows: 1, columns: 1)
        for (side, expected) in [(1, 64), (28, 84), (32, 64), (64, 64), (256, 256)] {
            let image = Image(width: side, height: side, channels: 3, level: 7)
            #expect(try grid.compose([image], gap: 0).width == expected)
        }
    }

    @Test func refusesMixedForms() throws {
        let images = [
            Image(width: 2, height: 2, channels: 1, level: 0), Image(width: 2, height: 3, channels: 1, level: 0),
        ]
        #expect(throws: Failure.self) { try PictureGrid(count: 2).compose(images) }
    }
}
