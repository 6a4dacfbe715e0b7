// swift-tools-version: 6.2
import PackageDescription

// Modules under Sources/Shared, lowest first. A module may use only those above it in this list.

let modules: [Target] = [
    module("Diagnostics"),
    module("Options", uses: ["Diagnostics"]),
    module("Formats", uses: ["Diagnostics"]),
    module("Tensors", uses: ["Diagnostics", "Formats"]),
    module("LinearAlgebra", uses: ["Diagnostics", "Tensors", "COpenBLAS"]),
    module("TensorStream", uses: ["Diagnostics", "Formats", "Tensors"]),
    module("Checkpoints", uses: ["Diagnostics", "Formats", "CZlib"]),
    module("Engine", uses: ["Diagnostics", "Tensors", "CProcessor"], flags: ["-Ounchecked"]),
    module("Networks", uses: ["Diagnostics", "Formats", "Tensors", "Engine"]),
    module("FeatureNetworks", uses: ["Diagnostics", "Formats", "Tensors", "Engine", "Networks"]),
    module("Diffusion", uses: ["Diagnostics", "Tensors"]),
    module("Solvers", uses: ["Diagnostics", "Tensors", "LinearAlgebra", "Diffusion"]),
    module(
        "Schedules",
        uses: ["Diagnostics", "Formats", "Tensors", "TensorStream", "Checkpoints", "Diffusion", "Solvers"]),
    module("Foreign", uses: ["Diagnostics", "Formats", "Tensors", "TensorStream", "Diffusion", "Solvers"]),
    module(
        "LatentModels",
        uses: [
            "Diagnostics", "Formats", "Tensors", "TensorStream", "Checkpoints", "Engine", "Networks", "Diffusion",
        ]),
    module(
        "Models",
        uses: [
            "Diagnostics", "Formats", "Tensors", "TensorStream", "Checkpoints", "Engine", "Networks", "FeatureNetworks",
            "Diffusion", "Solvers", "Schedules", "Foreign", "LatentModels",
        ],
        exclude: ["Resources"]),
    module("Images", uses: ["Diagnostics", "Formats", "Tensors", "CPNG"]),
    module("Plots", uses: ["Diagnostics", "Images"]),
    module(
        "Metrics",
        uses: [
            "Diagnostics", "Formats", "Tensors", "LinearAlgebra", "TensorStream", "Checkpoints", "FeatureNetworks",
            "Images",
        ]),
    module(
        "PointCloudMetrics",
        uses: ["Diagnostics", "Formats", "Tensors", "TensorStream", "Checkpoints", "Metrics"]),
    module(
        "Fitting",
        uses: [
            "Diagnostics", "Options", "Formats", "Tensors", "LinearAlgebra", "Networks", "FeatureNetworks", "Diffusion",
            "Solvers", "Schedules", "Foreign", "Models", "Metrics",
        ]),
    module(
        "Methods",
        uses: [
            "Diagnostics", "Options", "Tensors", "LinearAlgebra", "Networks", "FeatureNetworks", "Diffusion", "Solvers",
            "Schedules", "Models", "Metrics", "Fitting",
        ]),
    module(
        "Commands",
        uses: [
            "Diagnostics", "Options", "Formats", "Tensors", "TensorStream", "Engine", "Diffusion", "Solvers",
            "Schedules", "LatentModels", "Models",
        ]),
    module(
        "Reports",
        uses: [
            "Diagnostics", "Options", "Formats", "Tensors", "LinearAlgebra", "Diffusion", "Solvers", "Schedules",
            "FeatureNetworks", "Models", "Images", "Plots", "Metrics", "PointCloudMetrics", "Fitting", "Commands",
        ]),
    module(
        "FitRequests",
        uses: [
            "Diagnostics", "Options", "TensorStream", "Diffusion", "Solvers", "Schedules", "Foreign", "Models",
            "Fitting",
            "Methods", "Commands",
        ]),
]

let programs: [Target] = [
    program("ld3-noise", uses: ["Formats", "Tensors", "Models"]),
    program("ld3-teacher", uses: ["Formats", "Foreign", "Models"]),
    program(
        "ld3-fit",
        uses: [
            "Formats", "Tensors", "FeatureNetworks", "Diffusion", "Solvers", "Schedules", "Models", "Metrics",
            "Fitting", "Methods", "Reports", "FitRequests",
        ]),
    program("ld3-sample", uses: ["Formats", "Tensors", "Models", "Images"]),
    program(
        "ld3-fid",
        uses: [
            "Formats", "Tensors", "FeatureNetworks", "Models", "Images", "Plots", "Metrics", "PointCloudMetrics",
            "Reports",
        ]),
]

/// Modules that the tests of a module use beyond its own dependencies.
let testsUse: [String: [Target.Dependency]] = [
    "Networks": ["Checkpoints"], "FeatureNetworks": ["Checkpoints"],
    "Diffusion": ["Formats", "Schedules"], "Solvers": ["Formats", "Schedules", "SolverTestSupport"],
    "Schedules": ["SolverTestSupport"], "Foreign": ["Models"],
    "LatentModels": ["ModelTestSupport"], "Models": ["ModelTestSupport"], "Fitting": ["FittingTestSupport"],
    "Methods": ["Formats", "FittingTestSupport"],
]

let tests: [Target] =
    [
        .target(name: "TestSupport", dependencies: ["Diagnostics", "Formats", "Tensors"], path: "Tests/TestSupport"),
        .target(
            name: "ModelTestSupport",
            dependencies: ["Formats", "Checkpoints", "Networks", "LatentModels", "TestSupport"],
            path: "Tests/ModelTestSupport"),
        .target(
            name: "SolverTestSupport", dependencies: ["Tensors", "Diffusion", "Solvers"],
            path: "Tests/SolverTestSupport"),
        .target(
            name: "FittingTestSupport", dependencies: ["Formats", "Tensors", "Diffusion", "Solvers", "Fitting"],
            path: "Tests/FittingTestSupport"),
        .executableTarget(
            name: "engine-benchmark", dependencies: ["Diagnostics", "Formats", "Tensors", "Engine", "Networks"],
            path: "Tests/EngineBenchmark"),
    ]
    + modules.map { target in
        .testTarget(
            name: target.name + "Tests",
            dependencies: [.target(name: target.name), "TestSupport"] + target.dependencies
                + (testsUse[target.name] ?? []),
            path: "Tests/\(target.name)Tests")
    }
    + [
        .testTarget(
            name: "PipelineTests",
            dependencies: [
                "TestSupport", "ModelTestSupport", "Formats", "TensorStream", "Tensors", "Images", "Engine", "Networks",
                "LatentModels", "Models",
            ]
                + programs.map { .target(name: $0.name) },
            path: "Tests/PipelineTests",
            exclude: ["Golden"]),
        // Not a product: `make fuzz` builds and runs it.
        .executableTarget(
            name: "ld3-fuzz",
            dependencies: [
                "TestSupport", "Diagnostics", "Formats", "TensorStream", "Tensors", "Checkpoints", "Networks",
                "FeatureNetworks", "Diffusion", "Solvers", "Schedules", "Images", "Models", "Metrics", "Options",
                "Commands",
            ],
            path: "Tests/Fuzz"),
    ]

let package = Package(
    name: "ld3",
    products: programs.map { .executable(name: $0.name, targets: [$0.name]) },
    targets: [
        .systemLibrary(name: "CPNG", path: "Sources/CPNG", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(name: "CZlib", path: "Sources/Shared/CZlib", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(name: "COpenBLAS", path: "Sources/COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CProcessor", path: "Sources/Shared/CProcessor"),
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
    let shared = ["Diagnostics", "TensorStream", "Options", "Commands"]
    return .executableTarget(
        name: name, dependencies: (shared + uses).map { .target(name: $0) }, path: "Sources/\(name)")
}
