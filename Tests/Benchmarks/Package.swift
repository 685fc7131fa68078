// swift-tools-version: 6.1
import PackageDescription

// A package of its own: who builds the programs need not fetch what only measuring needs. `make bench-core` runs it.
let package = Package(
    name: "microstructure-benchmarks",
    platforms: [.macOS("26.0")],
    dependencies: [
        .package(name: "microstructure", path: "../.."),
        .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "Core",
            dependencies: [
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "Microstructure", package: "microstructure"),
                .product(name: "Detection", package: "microstructure"),
                .product(name: "Venues", package: "microstructure"),
                .product(name: "Simulation", package: "microstructure"),
                .product(name: "Evaluation", package: "microstructure"),
                .product(name: "Wire", package: "microstructure"),
            ],
            path: "Core",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
    ]
)
