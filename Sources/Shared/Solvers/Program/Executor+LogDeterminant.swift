import Diffusion
import LinearAlgebra
import Tensors

extension Executor {
    /// Returns log |det d x_N / d x_T| of every sample of `start`, [B, sample shape]: the logarithm of the factor by which the
    /// program changes volume (paper, Theorem 1).
    ///
    /// The exact adjoint gives the Jacobian row by row, so a sample costs one run of the program backwards for each of its
    /// elements. `batch` rows are computed at once.
    package func logDeterminants(
        _ program: StepProgram<Double>, from start: Tensor<Element>, batch: Int
    ) throws -> [Double] {
        try (0..<start.batch).map { sample in
            var own = self
            own.condition = condition.rows([sample])
            own.seeds = seeds.map { [$0[sample]] }
            return try own.logDeterminant(program, from: start.samples(sample..<sample + 1), batch: batch)
        }
    }

    private func logDeterminant(
        _ program: StepProgram<Double>, from start: Tensor<Element>, batch: Int
    ) throws -> Double {
        let size = start.sampleCount
        let trace = try trace(program, from: start, policy: .recompute)
        var jacobian: [Double] = []
        jacobian.reserveCapacity(size * size)
        for first in stride(from: 0, to: size, by: max(batch, 1)) {
            let rows = first..<min(first + max(batch, 1), size)
            let copies = [Int](repeating: 0, count: rows.count)
            let repeated = Trace(
                program: program, registers: trace.registers.map { $0.gather(copies) }, linearizations: [:])
            var units = Tensor<Element>(shape: [rows.count] + start.sampleShape)
            for (row, output) in rows.enumerated() { units[row * size + output] = 1 }
            var executor = self
            executor.condition = condition.rows(copies)
            executor.seeds = seeds.map { seeds in copies.map { seeds[$0] } }
            jacobian += try executor.pullback(repeated, cotangent: units).start.elements.map { Double($0) }
        }
        return logAbsoluteDeterminant(jacobian, size: size)
    }
}
