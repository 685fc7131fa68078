// swift-tools-version: 6.2
import PackageDescription

// Arrows point down only: executables → Pipeline, Gateway → Wire, ZeroMQ, Transport →
// Venues, Detection, Simulation → Microstructure. HouseRulesTests checks the imports.

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

func service(_ name: String, _ dependencies: [Target.Dependency] = ["Pipeline"]) -> Target {
    .executableTarget(name: name, dependencies: dependencies)
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

        .target(name: "Wire", dependencies: ["Microstructure", "Detection", "CZlib", "CZstd", .protobuf]),
        .target(name: "ZeroMQ", dependencies: ["CZeroMQ"]),
        .target(name: "Transport", dependencies: ["CLibWebSockets", "CLibCurl", "COpenSSL"]),

        .target(
            name: "Pipeline",
            dependencies: [
                "Microstructure", "Detection", "Venues", "Simulation", "Evaluation", "Wire", "ZeroMQ", "Transport",
                "CZlib",
                "CZstd",
                .logging, .metrics, .coreMetrics, .configuration, .argumentParser, .serviceLifecycle, .histogram,
                .systemPackage, .grdb,
            ]),
        // A module of its own, so that the bytes embedded are compiled only when they change.
        .target(name: "Dashboard", resources: [.embedInCode("Files")]),
        .target(
            name: "Gateway",
            dependencies: [
                "COpenSSL", "Dashboard", "Microstructure", "Detection", "Pipeline", "Transport", "Wire", "ZeroMQ",
                .hummingbird, .hummingbirdCore,
                .logging, .metrics,
                .argumentParser, .serviceLifecycle, .nioCore, .nioHTTP1, .httpTypes, .grdb,
            ],
            resources: [.embedInCode("openapi.yaml")]),

        service("ingest"), service("features"), service("detector"), service("alerter"),
        service("exchange-sim"), service("microlab"), service("api-gateway", ["Gateway"]),
        service("stack", ["Pipeline", "Gateway", .argumentParser]),

        .target(name: "TestSupport", dependencies: ["Microstructure"], path: "Tests/TestSupport"),
        .testTarget(name: "MicrostructureTests", dependencies: ["Microstructure", "TestSupport"], exclude: ["Oracle"]),
        .testTarget(name: "DetectionTests", dependencies: ["Detection", "TestSupport"], exclude: ["Oracle"]),
        .testTarget(name: "VenuesTests", dependencies: ["Venues"], exclude: ["Payloads"]),
        .testTarget(name: "SimulationTests", dependencies: ["Simulation", "TestSupport"]),
        .testTarget(
            name: "EvaluationTests", dependencies: ["Evaluation", "Detection", "Microstructure", "TestSupport"],
            exclude: ["Oracle", "Vectors"]),
        .testTarget(name: "WireTests", dependencies: ["Wire", "TestSupport"]),
        .testTarget(name: "ZeroMQTests", dependencies: ["ZeroMQ", "TestSupport"]),
        .testTarget(name: "TransportTests", dependencies: ["Transport", "TestSupport"]),
        .testTarget(name: "PipelineTests", dependencies: ["Pipeline", "TestSupport"], exclude: ["Faults"]),
        .testTarget(
            name: "GatewayTests",
            dependencies: ["Dashboard", "Gateway", "Pipeline", "Wire", "ZeroMQ", .nioCore, .nioPosix, "TestSupport"],
            exclude: ["Contract", "Watching"]),
        .testTarget(name: "HouseRulesTests"),
    ]
)
