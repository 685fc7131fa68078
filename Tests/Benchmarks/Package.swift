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
        .target(
            name: "Measures",
            dependencies: ["Microstructure", "Detection", "Venues", "Simulation", "Evaluation", "Wire"].map {
                .product(name: $0, package: "microstructure")
            },
            path: "Measures"),
        .executableTarget(
            name: "Core",
            dependencies: ["Measures", .product(name: "Benchmark", package: "benchmark")],
            path: "Core",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
        .executableTarget(name: "Counts", dependencies: ["Measures"], path: "Counts"),
    ]
)
