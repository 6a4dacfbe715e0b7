/// The three matrices of one tile size.
protocol WinogradForm {
    /// Output pixels of a tile along one axis.
    static var tile: Int { get }
    /// Returns row i of G, which is (tile + 2) x 3.
    static func filterRow(_ i: Int) -> (Float, Float, Float)
    /// Computes G h for 16 channels and calls `put` with each of its tile + 2 numbers.
    static func transformFilter(
        _ h0: FloatVector, _ h1: FloatVector, _ h2: FloatVector, _ put: (_ index: Int, _ value: FloatVector) -> Void)
    /// Computes B^T d B for 16 channels. `window[i]` points at a pixel's channels; point i of the result goes to
    /// `target + i * stride`. `temporary` holds (tile + 2)^2 vectors.
    static func transformInput(
        _ window: UnsafePointer<FloatPointer>, offset: Int, temporary: UnsafeMutablePointer<FloatVector>,
        target: MutableFloatPointer,
        stride: Int)
    /// Computes A^T M A for 16 channels. Point i of M is at `sums + i * stride`; the tile goes to `result` row by row.
    static func transformOutput(
        _ sums: FloatPointer, stride: Int, temporary: UnsafeMutablePointer<FloatVector>,
        result: UnsafeMutablePointer<FloatVector>)
}

extension WinogradForm {
    /// Input pixels of a tile along one axis.
    static var side: Int { tile + 2 }
    static var points: Int { side * side }
}
