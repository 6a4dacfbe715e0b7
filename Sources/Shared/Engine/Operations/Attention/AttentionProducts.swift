/// The products of an attention, in numbers of one kind, and the layouts of their factors. A factor of a head, or of a
/// block of queries, lies in memory of the caller. All results are in Float.
protocol AttentionProducts: Sendable {
    init(_ attention: Attention)

    /// A piece has so many keys.
    static var pieceKeys: Int { get }

    /// Floats of memory for a head's k or v as a matrix with a row for each key.
    var rowCount: Int { get }
    /// Floats of memory for a head's k or v as a matrix with a row for each channel.
    var columnCount: Int { get }
    /// Floats of memory for a block's q or g as a matrix with a column for each query.
    var vectorCount: Int { get }
    /// Floats of memory for a head's q or g as a matrix with a row for each query.
    var queryCount: Int { get }
    /// Floats of memory for the sums of a range's k or v.
    var sumCount: Int { get }
    /// Floats of scratch memory that a thread needs in a product.
    var ownCount: Int { get }

    /// Prepares the calling thread for products.
    func begin()
    func end()

    /// Lays out the rows of a part for all images and heads.
    func layOutRows(_ run: GraphRun, _ part: Attention.Part, to target: MutableFloatPointer)
    /// Lays out the columns of a part for all images and heads.
    func layOutColumns(_ run: GraphRun, _ part: Attention.Part, to target: MutableFloatPointer)
    /// Lays out a block's vectors, which are `stride` floats apart, as columns.
    func layOut(_ vectors: FloatPointer, stride: Int, _ block: Attention.Block, to target: MutableFloatPointer)
    /// Writes a block's vectors into the head's matrix that has a row for each query.
    func layOutQueries(_ vectors: FloatPointer, stride: Int, _ block: Attention.Block, to target: MutableFloatPointer)

    /// Sets `piece`, [keys][32], to the products of some keys' rows with a block's vectors.
    ///
    /// - Parameter rows: those of one head, as `layOutRows` wrote them.
    func multiply(
        rows: MutableFloatPointer, keys: Range<Int>, vectors: MutableFloatPointer, to piece: MutableFloatPointer)
    /// Sets `result`, [channels][32], to the sum over some keys of a head's columns times a piece, or adds it.
    func multiply(
        columns: MutableFloatPointer, keys: Range<Int>, piece: MutableFloatPointer, own: MutableFloatPointer,
        to result: MutableFloatPointer, adds: Bool)
    /// Adds to the sums of some keys, from the range's key number `first` on, the products of some blocks' pieces with
    /// the rows of their queries. The first blocks of a head set the sums.
    ///
    /// - Parameter pieces: [blocks], `Attention.pieceCount` floats each.
    func addToKeys(
        _ pieces: MutableFloatPointer, keyCount: Int, blocks: Range<Int>, queries: MutableFloatPointer,
        own: MutableFloatPointer, sums: MutableFloatPointer, first: Int)
    /// Returns the place of a key's sum for a channel.
    func sumPlace(key: Int, channel: Int) -> Int
}
