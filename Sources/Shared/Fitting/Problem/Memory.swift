import Diagnostics
import Diffusion
import Foundation
import Solvers
import Tensors

extension ActivationPolicy {
    /// Returns `keep` if `evaluations` linearizations of `batch` samples fit in half of the free memory, else
    /// `recompute` (paper, App. D.3). The size of one is measured: the growth of the process when a second one is held
    /// beside the first.
    ///
    /// - Parameter condition: that of one sample.
    package static func fitting<Element: TensorElement>(
        _ denoiser: any Denoiser<Element>, at time: Double, given condition: Condition, batch: Int, evaluations: Int
    ) throws -> ActivationPolicy {
        guard let free = freeMemory() else { return .recompute }
        let x = Tensor<Element>(shape: [1] + denoiser.sampleShape)
        let first = try denoiser.linearize(x, at: [time], given: condition)
        let before = residentMemory() ?? 0
        let second = try denoiser.linearize(x, at: [time], given: condition)
        let growth = max((residentMemory() ?? .max) - before, 0)
        return withExtendedLifetime((first, second)) {
            let (need, overflow) = growth.multipliedReportingOverflow(by: batch * evaluations)
            return overflow || need > free / 2 ? .recompute : .keep
        }
    }
}

/// The bytes that new work can have without swapping; nil if the system does not tell.
private func freeMemory() -> Int? {
    guard let text = try? Descriptor.contents(of: "/proc/meminfo") else { return nil }
    let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
}

/// The bytes of this process that are in memory.
private func residentMemory() -> Int? {
    guard let text = try? Descriptor.contents(of: "/proc/self/statm") else { return nil }
    let fields = String(decoding: text, as: UTF8.self).split(separator: " ")
    return fields.count > 1 ? Int(fields[1]).map { $0 * pageSize } : nil
}

private var pageSize: Int { max(sysconf(Int32(_SC_PAGESIZE)), 1) }
