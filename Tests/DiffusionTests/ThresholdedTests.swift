import Diffusion
import Tensors
import Testing

@Suite struct ThresholdedTests {
    /// D(x) = x, so that what comes out is the thresholding alone.
    private struct Identity: Denoiser {
        var sampleShape: [Int] { [5] }
        var hasPullback: Bool { true }
        var labelCount: Int { 0 }

        func denoise(_ x: Tensor<Double>, at times: [Double], given condition: Condition) -> Tensor<Double> { x }

        func linearize(_ x: Tensor<Double>, at times: [Double], given condition: Condition) -> Linearization<Double> {
            Linearization(value: x) { Cotangents(x: $0, times: times.map { _ in 0 }) }
        }
    }

    private let denoiser = Thresholded(Identity())

    /// The 99.5 % quantile of five magnitudes lies at place 3.98: 0.02 of the second largest, 0.98 of the largest.
    @Test func values() throws {
        let x = Tensor(shape: [2, 5], elements: [0.5, -2, 3, 0, -1, 0.2, -0.9, 1, 0.1, 0])
        let limit = 0.02 * 2 + 0.98 * 3
        let result = try denoiser.denoise(x, at: [1, 1], given: .none).elements
        let expected = [0.5 / limit, -2 / limit, 1, 0, -1 / limit, 0.2, -0.9, 1, 0.1, 0]
        for (a, b) in zip(result, expected) { #expect(abs(a - b) < 1e-14) }
    }

    @Test func gradient() throws {
        let x = Tensor(shape: [3, 5], elements: [0.5, -2, 3, 0.1, -1, 0.2, -0.9, 0.95, 0.1, 0.3, -4, -3, 0.5, 2, 1])
        let cotangent = Tensor(shape: [3, 5], elements: (0..<15).map { Double($0 * 7 % 5) - 1.7 })
        let pulled = try denoiser.linearize(x, at: [1, 1, 1], given: .none).pullback(cotangent).x
        for index in 0..<15 {
            func value(_ step: Double) throws -> Double {
                var moved = x
                moved[index] += step
                return try denoiser.denoise(moved, at: [1, 1, 1], given: .none).dot(cotangent)
            }
            let slope = try (value(1e-6) - value(-1e-6)) / 2e-6
            #expect(abs(pulled[index] - slope) < 1e-8)
        }
    }
}
