/// The ways to compute a convolution. `Convolution.kernel` chooses `tiles` by the precision, and `choose` the others.
package enum ConvolutionKernel: String, Sendable, CaseIterable {
    /// Takes its rows by pointer and transforms nothing: for any size, stride and number of inputs.
    case indirect
    /// Winograd's F(2x2, 3x3): 2.25 times fewer multiplications; the weights take 16/9 of their size.
    case winograd2
    /// Winograd's F(4x4, 3x3): 4 times fewer multiplications; the weights take 4 times their size.
    case winograd4
    /// Multiplies bfloat16 numbers on the processor's tiles: for any size, stride and number of inputs.
    case tiles

    /// Returns the kernel for a layer. It depends on the layer alone, so an image's bits depend on neither the batch
    /// nor the number of threads.
    ///
    /// - Parameter inputs: maps whose concatenation is convolved.
    static func choose(_ window: Window, output: MapShape, inputs: Int) -> ConvolutionKernel {
        guard supportsWinograd(window, inputs: inputs) else { return .indirect }
        let side = min(output.height, output.width)
        // Below 4 pixels most of a tile is padding. Up to 8, reading the weights costs more than the products.
        if side < 4 { return .indirect }
        return side <= 8 ? .winograd2 : .winograd4
    }

    static func supportsWinograd(_ window: Window, inputs: Int) -> Bool {
        window.height == 3 && window.width == 3 && window.stride == 1 && inputs == 1
            && window.paddingHeight <= 2 && window.paddingWidth <= 2
    }

    /// Returns whether weights are transformed once and kept; false if nothing is transformed.
    func keepsTransform(_ gathering: PixelGathering, depth: Int, columns: Int) -> Bool {
        switch self {
        case .indirect, .tiles: false
        case .winograd2: Winograd<WinogradF2>.keepsTransform(gathering, depth: depth, columns: columns)
        case .winograd4: Winograd<WinogradF4>.keepsTransform(gathering, depth: depth, columns: columns)
        }
    }
}
