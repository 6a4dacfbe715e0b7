/// The ways to compute a convolution, and the one place that chooses between them.
package enum ConvolutionKernel: String, Sendable, CaseIterable {
    /// Rows by pointer, no transform: any size, stride and number of inputs.
    case indirect
    /// F(2x2, 3x3): 2.25 times fewer multiplications, weights 16/9 of their size.
    case winograd2
    /// F(4x4, 3x3): 4 times fewer multiplications, weights 4 times their size.
    case winograd4

    /// Depends on the layer alone, never on batch or threads, so that an image's bits don't.
    ///
    /// - Parameters:
    ///   - outputs: output channels, with padding.
    static func choose(_ window: Window, output: MapShape, inputs: Int) -> ConvolutionKernel {
        guard supportsWinograd(window, inputs: inputs) else { return .indirect }
        let side = min(output.height, output.width)
        // Below 4 pixels most of a tile is padding; up to 8 the weights' way from memory costs more than the products.
        if side < 4 { return .indirect }
        return side <= 8 ? .winograd2 : .winograd4
    }

    static func supportsWinograd(_ window: Window, inputs: Int) -> Bool {
        window.height == 3 && window.width == 3 && window.stride == 1 && inputs == 1
            && window.paddingHeight <= 2 && window.paddingWidth <= 2
    }
}
