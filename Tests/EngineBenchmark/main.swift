// Times the network engine. scripts/bench-engine and scripts/bench-peer run this program; it is not installed.

import Diagnostics
import Engine
import Formats
import Foundation
import Networks
import Tensors

do {
    try Benchmark(CommandLine.arguments.dropFirst().map { $0 }).run()
} catch {
    FileHandle.standardError.write(Data("engine-benchmark: \(error)\n".utf8))
    exit(1)
}
