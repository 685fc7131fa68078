// swift-tools-version: 6.2
import PackageDescription

// Arrows point down only: executables → Ingest, Engines, Alerter, ExchangeSim, Lab, Gateway → Bus, Tape, Storage → Runtime →
// Wire, ZeroMQ, Transport → Venues, Detection, Simulation, Evaluation → Microstructure. HouseRulesTests holds the graph.

extension Target.Dependency {
    static let realModule = product(name: "RealModule", package: "swift-numerics")
    static let protobuf = product(name: "SwiftProtobuf", package: "swift-protobuf")
    static let logging = product(name: "Logging", package: "swift-log")
    static let metrics = product(name: "Metrics", package: "swift-metrics")
    static let coreMetrics = product(name: "CoreMetrics", package: "swift-metrics")
    static let configuration = product(name: "Configuration", package: "swift-configuration")
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let histogram = product(name: "Histogram", package: "hdrhistogram-swift")
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let systemPackage = product(name: "SystemPackage", package: "swift-system")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
}

func cLibrary(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

/// A program: a few lines that start a command of `module`.
func program(_ name: String, of module: String) -> Target {
    .executableTarget(name: name, dependencies: [.target(name: module), "Runtime"])
}

let package = Package(
    name: "microstructure",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "Microstructure", targets: ["Microstructure"]),
        .library(name: "Detection", targets: ["Detection"]),
        .library(name: "Venues", targets: ["Venues"]),
        .library(name: "Simulation", targets: ["Simulation"]),
        .library(name: "Evaluation", targets: ["Evaluation"]),
        .library(name: "Wire", targets: ["Wire"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        cLibrary("CZeroMQ", pkgConfig: "libzmq", apt: "libzmq3-dev"),
        cLibrary("CLibWebSockets", pkgConfig: "libwebsockets", apt: "libwebsockets-dev"),
        cLibrary("CLibCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        cLibrary("COpenSSL", pkgConfig: "openssl", apt: "libssl-dev"),
        cLibrary("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        cLibrary("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),

        .target(name: "Microstructure", dependencies: [.realModule]),
        .target(name: "Detection", dependencies: ["Microstructure", .realModule]),
        .target(name: "Venues", dependencies: ["Microstructure"]),
        .target(name: "Simulation", dependencies: ["Microstructure", .realModule]),
        .target(name: "Evaluation", dependencies: ["Microstructure", "Detection", .realModule]),

        .target(
            name: "Wire", dependencies: ["Microstructure", "Detection", "CZlib", "CZstd", .protobuf],
            resources: [.embedInCode("Profiles")]),
        .target(name: "ZeroMQ", dependencies: ["CZeroMQ"]),
        .target(name: "Transport", dependencies: ["CLibWebSockets", "CLibCurl", "COpenSSL"]),

        // Plumbing that every process shares: settings, life cycle, health, metrics, files.
        .target(
            name: "Runtime",
            dependencies: [
                "Microstructure", "Transport", "CZlib", "CZstd", .logging, .metrics, .coreMetrics, .configuration,
                .argumentParser, .serviceLifecycle, .histogram, .systemPackage,
            ]),
        .target(name: "Storage", dependencies: ["Runtime", .grdb]),
        .target(
            name: "Bus",
            dependencies: [
                "Microstructure", "Runtime", "Wire", "ZeroMQ", .argumentParser, .logging, .metrics, .protobuf,
            ]),
        .target(name: "Tape", dependencies: ["Microstructure", "Runtime", "Wire", .logging]),

        // One program's work each; none imports another.
        .target(
            name: "Ingest",
            dependencies: [
                "Microstructure", "Venues", "Bus", "Runtime", "Transport", "Wire", "ZeroMQ", .argumentParser, .logging,
                .metrics, .serviceLifecycle, .histogram,
            ]),
        .target(
            name: "Engines",
            dependencies: [
                "Microstructure", "Detection", "Bus", "Runtime", "Storage", "Wire", "ZeroMQ", .argumentParser, .logging,
                .metrics, .serviceLifecycle, .grdb,
            ]),
        .target(
            name: "Alerter",
            dependencies: [
                "Microstructure", "Bus", "Runtime", "Storage", "Transport", "Wire", "ZeroMQ", .argumentParser, .logging,
                .metrics, .serviceLifecycle, .grdb,
            ]),
        .target(
            name: "ExchangeSim",
            dependencies: [
                "Microstructure", "Simulation", "Runtime", "Transport", .argumentParser, .logging, .metrics,
                .serviceLifecycle,
            ]),
        .target(
            name: "Lab",
            dependencies: [
                "Microstructure", "Detection", "Venues", "Simulation", "Evaluation", "Bus", "Runtime", "Tape", "Wire",
                "ZeroMQ", .argumentParser, .logging, .metrics, .serviceLifecycle,
            ]),
        // A module of its own, so that the bytes embedded are compiled only when they change.
        .target(name: "Dashboard", resources: [.embedInCode("Files")]),
        .target(
            name: "Gateway",
            dependencies: [
                "COpenSSL", "Dashboard", "Microstructure", "Detection", "Bus", "Runtime", "Storage", "Transport",
                "Wire",
                "ZeroMQ", .hummingbird, .hummingbirdCore,
                .logging, .metrics,
                .argumentParser, .serviceLifecycle, .nioCore, .nioHTTP1, .httpTypes, .grdb,
            ],
            resources: [.embedInCode("openapi.yaml")]),

        program("ingest", of: "Ingest"), program("features", of: "Engines"), program("detector", of: "Engines"),
        program("alerter", of: "Alerter"), program("api-gateway", of: "Gateway"),
        program("exchange-sim", of: "ExchangeSim"), program("microlab", of: "Lab"),
        .executableTarget(
            name: "stack",
            dependencies: ["Ingest", "Engines", "Alerter", "ExchangeSim", "Gateway", "Lab", "Runtime", .argumentParser]),

        .target(name: "TestSupport", dependencies: ["Microstructure", "Transport"], path: "Tests/TestSupport"),
        .testTarget(name: "MicrostructureTests", dependencies: ["Microstructure", "TestSupport"], exclude: ["Oracle"]),
        .testTarget(name: "DetectionTests", dependencies: ["Detection", "TestSupport"], exclude: ["Oracle"]),
        .testTarget(
            name: "VenuesTests", dependencies: ["Simulation", "Venues", "TestSupport"], exclude: ["Oracle", "Payloads"]),
        .testTarget(name: "SimulationTests", dependencies: ["Simulation", "TestSupport"]),
        .testTarget(
            name: "EvaluationTests", dependencies: ["Evaluation", "Detection", "Microstructure", "TestSupport"],
            exclude: ["Oracle", "Vectors"]),
        .testTarget(name: "WireTests", dependencies: ["Wire", "TestSupport"]),
        .testTarget(name: "ZeroMQTests", dependencies: ["ZeroMQ", "TestSupport"]),
        .testTarget(name: "TransportTests", dependencies: ["Transport", "TestSupport"]),
        .testTarget(name: "RuntimeTests", dependencies: ["Runtime", "TestSupport"]),
        .testTarget(name: "StorageTests", dependencies: ["Storage", "TestSupport", .grdb]),
        .testTarget(name: "BusTests", dependencies: ["Bus", "TestSupport"]),
        .target(name: "TapeSupport", dependencies: ["Microstructure", "Tape", "Wire"], path: "Tests/TapeSupport"),
        .testTarget(name: "TapeTests", dependencies: ["Tape", "TapeSupport", "TestSupport"]),
        .testTarget(name: "IngestTests", dependencies: ["Ingest", "TestSupport"]),
        .testTarget(name: "EnginesTests", dependencies: ["Engines", "TestSupport"]),
        .testTarget(name: "AlerterTests", dependencies: ["Alerter", "TestSupport"]),
        .testTarget(name: "ExchangeSimTests", dependencies: ["ExchangeSim", "TestSupport"]),
        .testTarget(name: "LabTests", dependencies: ["Lab", "TapeSupport", "TestSupport"]),
        .testTarget(
            name: "GatewayTests",
            dependencies: ["Dashboard", "Engines", "Gateway", .nioCore, .nioPosix, "TestSupport"],
            exclude: ["Contract", "Watching"]),
        // Real processes, several modules' work at once.
        .testTarget(
            name: "EndToEndTests", dependencies: ["Alerter", "Engines", "TestSupport"], exclude: ["Faults", "PowerCut"]),
        .testTarget(name: "HouseRulesTests"),
    ]
)
