/// A denoiser that can work on samples of other shapes than its own, such as clouds of any number of points.
package protocol ResizableDenoiser<Element>: Denoiser {
    /// The shapes of samples on which it can work, in words.
    var acceptedShapes: String { get }

    /// Returns the same denoiser for samples of `sampleShape`; nil if it cannot work on them.
    func resized(to sampleShape: [Int]) -> (any Denoiser<Element>)?
}
