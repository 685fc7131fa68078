public import ArgumentParser
import Foundation
public import ServiceLifecycle

/// `ingest`: an exchange's book and trades onto the bus.
public struct IngestCommand: ServiceCommand {
    public static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Keeps a symbol's order book from the exchange's WebSocket and publishes books, quotes and trades.",
        discussion: """
            One process serves the symbols it is given; the default is one symbol a process. Settings may also come \
            from the environment (INGEST_SYMBOLS, INGEST_PUBLISH, …) or from the section "ingest" of --config.
            """,
        version: Version.current)
    public static let scope = "ingest"
    public static let defaultMetricsPort = 9101

    @OptionGroup public var common: CommonOptions
    @Option(help: "Symbols to serve, comma-separated (default: BTCUSDT).") var symbols: String?
    @Option(help: "WebSocket base address (default: wss://stream.binance.com:9443).") var websocketUrl: String?
    @Option(help: "REST base address (default: https://api.binance.com).") var restUrl: String?
    @Option(help: "PEM file of certificate authorities to trust instead of the system's.") var caFile: String?
    @Option(help: "ZeroMQ endpoints to publish on (default: tcp://127.0.0.1:5555).") var publish: String?
    @Option(help: "Book levels a side in each message, 1 to 1000 (default: 20).") var depth: String?
    @Option(help: "Levels asked for in a snapshot, 100 to 5000 (default: 5000).") var snapshotDepth: String?
    @Option(help: "Seconds of the first reconnect wait (default: 1).") var reconnectDelay: String?
    @Option(help: "Longest reconnect wait in seconds (default: 60).") var maxReconnectDelay: String?
    @Option(help: "Seconds of silence after which a connection is replaced (default: 10).") var staleAfter: String?
    @Option(help: "Subscriptions to wait for before connecting to the exchange (default: 0).")
    var waitSubscriptions: String?

    public init() {}

    public func decode(_ settings: inout Settings) throws(ConfigurationError) -> IngestConfiguration {
        let names = try settings.list("symbols", symbols, default: ["BTCUSDT"]).map { $0.uppercased() }
        for name in names where !name.utf8.allSatisfy({ Self.symbolBytes.contains($0) }) || name.utf8.count > 32 {
            throw ConfigurationError(
                setting: "--symbols", problem: "'\(name)' is no symbol; write BTCUSDT, with letters and digits only")
        }
        if let twice = names.first(where: { name in names.count(where: { $0 == name }) > 1 }) {
            throw ConfigurationError(setting: "--symbols", problem: "'\(twice)' stands twice")
        }
        // Three streams a symbol, 1,024 a connection (the venue's limit).
        guard names.count <= 341 else {
            throw ConfigurationError(
                setting: "--symbols", problem: "\(names.count) symbols are more than one process can have, 341")
        }
        let webSocket = try url(
            "websocketUrl", websocketUrl, "wss://stream.binance.com:9443", ["ws", "wss"], &settings)
        let rest = try url("restUrl", restUrl, "https://api.binance.com", ["http", "https"], &settings)
        let authorities = try settings.optionalString("caFile", caFile)
        if let authorities, !FileManager.default.isReadableFile(atPath: authorities) {
            throw ConfigurationError(setting: "--ca-file", problem: "'\(authorities)' cannot be read")
        }
        let firstDelay = try settings.number("reconnectDelay", reconnectDelay, default: 1, in: 0.05...3_600)
        let longestDelay = try settings.number("maxReconnectDelay", maxReconnectDelay, default: 60, in: 0.05...3_600)
        guard firstDelay <= longestDelay else {
            throw ConfigurationError(
                setting: "--max-reconnect-delay", problem: "\(longestDelay) is below --reconnect-delay \(firstDelay)")
        }
        return IngestConfiguration(
            symbols: names, webSocketURL: webSocket, restURL: rest, caFile: authorities,
            publish: try Endpoint.list(
                settings.list("publish", publish, default: ["tcp://127.0.0.1:5555"]), setting: "--publish", use: .bind),
            depth: try settings.integer("depth", depth, default: 20, in: 1...1_000),
            snapshotDepth: try settings.integer("snapshotDepth", snapshotDepth, default: 5_000, in: 100...5_000),
            reconnectDelaySeconds: firstDelay,
            maxReconnectDelaySeconds: longestDelay,
            staleAfterSeconds: try settings.number("staleAfter", staleAfter, default: 10, in: 0.5...3_600),
            waitSubscriptions: try settings.integer("waitSubscriptions", waitSubscriptions, default: 0, in: 0...1_000))
    }

    public func services(_ configuration: IngestConfiguration, _ runtime: ServiceRuntime) throws -> [any Service] {
        [StageThread("ingest") { stop in try IngestStage(configuration, runtime).run(until: stop) }]
    }

    private static let symbolBytes = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)

    private func url(
        _ name: String, _ commandLine: String?, _ fallback: String, _ schemes: [String], _ settings: inout Settings
    ) throws(ConfigurationError) -> String {
        let text = try settings.string(name, commandLine, default: fallback)
        guard let url = URL(string: text), let scheme = url.scheme, schemes.contains(scheme), url.host != nil,
            url.query == nil, (1...65_535).contains(url.port ?? 443)
        else {
            throw ConfigurationError(
                setting: Settings.optionName(name),
                problem: "'\(text)' needs to be \(schemes.joined(separator: " or "))://host[:port]")
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }
}
