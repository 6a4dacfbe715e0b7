import Diagnostics

/// Rows and columns for pictures of one size. They are filled row by row.
package struct PictureGrid: Sendable, Equatable {
    package let rows: Int
    package let columns: Int

    package init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
    }

    /// Chooses rows and columns for `count` pictures. If a grid without empty places is at most 2.5 times as wide as
    /// high, it is the squarest such grid; else it is as square as possible, and the last row has empty places. Up to
    /// three pictures make one row.
    package init(count: Int) {
        let count = max(count, 1)
        let exact = (1...count).first { columns in
            let rows = count / columns
            return rows * columns == count && columns >= rows && (5 * rows >= 2 * columns || count <= 3)
        }
        let columns = exact ?? Int(Double(count).squareRoot().rounded(.up))
        self.init(rows: (count + columns - 1) / columns, columns: columns)
    }

    /// Returns one picture of all `images`, with white lines of `gap` pixels between and around them; empty places stay
    /// white. Each picture is enlarged `scale` times; if `scale` is nil, small ones become 64 pixels wide or more.
    /// Throws `.data` if the images differ in form.
    package func compose(_ images: [Image], gap: Int = 2, scale: Int? = nil) throws -> Image {
        guard let first = images.first else { throw Failure(.data, "a grid needs at least one picture") }
        let scale = scale ?? max(1, (63 + first.width) / first.width)
        precondition(images.count <= rows * columns, "\(images.count) pictures in \(rows)x\(columns) places")
        if let odd = images.firstIndex(where: { $0.form != first.form }) {
            throw Failure(.data, "picture \(odd) of the grid is \(images[odd].form), the first is \(first.form)")
        }
        let (width, height) = (first.width * scale, first.height * scale)
        var sheet = Image(
            width: columns * (width + gap) + gap, height: rows * (height + gap) + gap, channels: first.channels,
            level: 255)
        for (index, image) in images.enumerated() {
            let (row, column) = index.quotientAndRemainder(dividingBy: columns)
            sheet.paste(image.enlarged(scale), x: gap + column * (width + gap), y: gap + row * (height + gap))
        }
        return sheet
    }
}
