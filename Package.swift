// swift-tools-version: 6.2
import PackageDescription

// Modules under Sources/Shared, lowest first. A module may use only those above it in this list.

let modules: [Target] = [
    module("Diagnostics"),
    module("Formats", uses: ["Diagnostics"]),
    module("TensorStream", uses: ["Diagnostics", "Formats"]),
    module("Tensors", uses: ["Diagnostics", "COpenBLAS"]),
    module("Checkpoints", uses: ["Diagnostics", "Formats", "CPNG"]),
    module("Layers", uses: ["Diagnostics", "Tensors", "COpenBLAS"], flags: ["-Ounchecked"]),
    module("Networks", uses: ["Diagnostics", "Formats", "Tensors", "Layers"]),
    module("Diffusion", uses: ["Diagnostics", "Formats", "Tensors"]),
    module("Solvers", uses: ["Diagnostics", "Formats", "TensorStream", "Tensors", "Checkpoints", "Diffusion"]),
    module("Images", uses: ["Diagnostics", "Tensors", "CPNG"]),
    module(
        "Models",
        uses: ["Diagnostics", "Formats", "TensorStream", "Tensors", "Checkpoints", "Networks", "Diffusion", "Solvers"],
        exclude: ["Resources"]),
    module(
        "Metrics",
        uses: ["Diagnostics", "Formats", "TensorStream", "Tensors", "Checkpoints", "Networks", "Images"]),
    module(
        "Fitting",
        uses: [
            "Diagnostics", "Formats", "Tensors", "Diffusion", "Solvers", "Images", "Metrics",
        ]),
    module(
        "Commands",
        uses: ["Diagnostics", "Formats", "TensorStream", "Tensors", "Layers", "Diffusion", "Solvers", "Models"]),
]

let programs: [Target] = [
    program("ld3-noise", uses: ["Formats", "Tensors", "Models"]),
    program("ld3-teacher", uses: ["Formats", "Models"]),
    program(
        "ld3-fit",
        uses: ["Formats", "Tensors", "Networks", "Diffusion", "Solvers", "Images", "Models", "Metrics", "Fitting"]),
    program("ld3-sample", uses: ["Formats", "Tensors", "Images", "Models"]),
    program("ld3-fid", uses: ["Tensors", "Networks", "Images", "Models", "Metrics"]),
]

let tests: [Target] =
    [
        .target(name: "TestSupport", dependencies: ["Diagnostics", "Formats"], path: "Tests/TestSupport"),
        .executableTarget(
            name: "engine-benchmark", dependencies: ["Diagnostics", "Formats", "Tensors", "Layers", "Networks"],
            path: "Tests/EngineBenchmark"),
    ]
    + modules.map { target in
        .testTarget(
            name: target.name + "Tests",
            dependencies: [.target(name: target.name), "TestSupport"] + target.dependencies
                + (target.name == "Networks" ? ["Checkpoints"] : []),
            path: "Tests/\(target.name)Tests")
    }
    + [
        .testTarget(
            name: "PipelineTests",
            dependencies: ["TestSupport", "Formats", "TensorStream", "Tensors", "Images"]
                + programs.map { .target(name: $0.name) },
            path: "Tests/PipelineTests"),
        // Not a product: `make fuzz` builds and runs it.
        .executableTarget(
            name: "ld3-fuzz",
            dependencies: [
                "TestSupport", "Diagnostics", "Formats", "TensorStream", "Tensors", "Checkpoints", "Networks",
                "Diffusion", "Solvers", "Images", "Models", "Metrics", "Commands",
            ],
            path: "Tests/Fuzz"),
    ]

let package = Package(
    name: "ld3",
    products: programs.map { .executable(name: $0.name, targets: [$0.name]) },
    targets: [
        .systemLibrary(name: "CPNG", path: "Sources/CPNG", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(name: "COpenBLAS", path: "Sources/COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
    ] + modules + programs + tests,
    swiftLanguageModes: [.v6]
)

// -march=native turns SIMD16<Float> into 512-bit instructions where the machine has them; without it a forward of a large
// network takes four times as long. The programs are for the machine that builds them.
for target in package.targets where target.type != .system {
    target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-Xcc", "-march=native"])]
}

/// One folder of Sources/Shared. `flags` reach release builds only.
func module(_ name: String, uses: [String] = [], exclude: [String] = [], flags: [String] = []) -> Target {
    .target(
        name: name,
        dependencies: uses.map { .target(name: $0) },
        path: "Sources/Shared/\(name)",
        exclude: exclude,
        swiftSettings: flags.isEmpty ? [] : [.unsafeFlags(flags, .when(configuration: .release))])
}

/// One executable; all of them share the modules of the stream and the command line.
func program(_ name: String, uses: [String]) -> Target {
    let shared = ["Diagnostics", "TensorStream", "Commands"]
    return .executableTarget(
        name: name, dependencies: (shared + uses).map { .target(name: $0) }, path: "Sources/\(name)")
}
