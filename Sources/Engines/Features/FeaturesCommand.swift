import ZeroMQ
import Bus
import Runtime
import ArgumentParser
import ServiceLifecycle

/// Settings of a `features` process.
package struct FeaturesConfiguration: Sendable {
    package var connect: [Endpoint]
    package var publish: [Endpoint]
    /// Symbols to take; empty takes all.
    package var symbols: [String]
    /// The shard of the symbols that this process handles.
    package var shard: ShardChoice
    /// Keys that encrypt the bus; `nil` means plain text.
    package var security: CurveSecurity?
}

/// `features`: ticks in, feature vectors out.
package struct FeaturesCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "features",
        abstract: "Turns books and trades into feature vectors, one a book update.",
        discussion: """
            Settings may also come from the environment (FEATURES_CONNECT, FEATURES_PUBLISH, …) or from the section \
            "features" of --config.
            """,
        version: Version.current)
    package static let scope = "features"
    package static let defaultMetricsPort = 9102

    @OptionGroup package var common: CommonOptions
    @Option(help: "ZeroMQ endpoints of the ingest processes, comma-separated (default: tcp://127.0.0.1:5555).")
    var connect: String?
    @Option(help: "ZeroMQ endpoints to publish on (default: tcp://127.0.0.1:5556).") var publish: String?
    @Option(help: "Symbols to take, comma-separated (default: all).") var symbols: String?
    @OptionGroup var shard: ShardOptions

    package init() {}

    package func decode(_ settings: inout Settings) throws(ConfigurationError) -> FeaturesConfiguration {
        FeaturesConfiguration(
            connect: try Endpoint.list(
                settings.list("connect", connect, default: ["tcp://127.0.0.1:5555"]), setting: "--connect"),
            publish: try Endpoint.list(
                settings.list("publish", publish, default: ["tcp://127.0.0.1:5556"]), setting: "--publish", use: .bind),
            symbols: try settings.symbols("symbols", symbols, default: []),
            shard: try shard.decode(&settings), security: try BusSecurity.decode(&settings))
    }

    package func services(_ configuration: FeaturesConfiguration, _ runtime: ServiceRuntime) throws -> [any Service] {
        [StageThread("features") { stop in try FeaturesStage.run(configuration, runtime, until: stop) }]
    }
}
