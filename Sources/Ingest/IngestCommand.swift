import Bus
import Runtime
import ArgumentParser
import Foundation
import ServiceLifecycle
import Venues

/// `ingest`: publishes an exchange's book and trades on the bus.
package struct IngestCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Maintains order books from an exchange's WebSocket and publishes books, quotes and trades.",
        discussion: """
            One process serves the symbols it is given; the default is one symbol a process. With --symbol-pool it \
            serves the first symbol of the pool that no other process of the lease directory serves, and stands by \
            while all are served. Settings may also come from the environment (INGEST_SYMBOLS, INGEST_PUBLISH, …) or \
            from the section "ingest" of --config.
            """,
        version: Version.current)
    package static let scope = "ingest"
    package static let defaultMetricsPort = 9101

    @OptionGroup package var common: CommonOptions
    @Option(help: "Symbols to serve, comma-separated, as BTC-USDT or in the venue's spelling (default: BTCUSDT).")
    var symbols: String?
    @Option(help: "Symbols of which this process serves one, comma-separated.") var symbolPool: String?
    @Option(help: "Position in the pool: a number from 1, or a pod's name that ends in -0, -1, …") var symbolSlot:
        String?
    @Option(help: "Directory that the processes of a host share (default: ~/.local/state/microstructure).")
    var leaseDir: String?
    @Option(
        name: [.customLong("venue"), .customLong("endpoints")],
        help:
            "Venue to connect to: \(endpointNames.joined(separator: ", ")) (default: \(endpointNames[0]))."
    ) var venue: String?
    @Option(help: "WebSocket base address (default: the venue's own).") var websocketUrl: String?
    @Option(help: "REST base address (default: the venue's own).") var restUrl: String?
    @Option(help: "millisecond or microsecond (default: the finest that the venue documents).") var timeUnit: String?
    @Option(help: "PEM file of certificate authorities to trust instead of the system's.") var caFile: String?
    @Option(help: "File with the API key of a venue that needs one: an Ed25519 key's for binance-sbe.")
    var apiKeyFile: String?
    @Option(help: "ZeroMQ endpoints to publish on; {symbol} is the symbol (default: tcp://127.0.0.1:5555).")
    var publish: String?
    @Option(help: "Book levels a side in each message, 1 to 1000 (default: 20).") var depth: String?
    @Option(help: "Levels asked for in a snapshot, 100 to 5000 (default: 5000).") var snapshotDepth: String?
    @Option(help: "Seconds of the first reconnect wait (default: 1).") var reconnectDelay: String?
    @Option(help: "Longest reconnect wait in seconds (default: 60).") var maxReconnectDelay: String?
    @Option(help: "Seconds without a message or an answer to a ping until a connection is dead (default: 10).")
    var staleAfter: String?
    @Option(help: "Seconds after which a connection is replaced without a break (default: 82800).")
    var rotateAfter: String?
    @Option(help: "Longest seconds that the old and the new connection overlap (default: 10).") var overlap: String?
    @Option(help: "Seconds until a REST request is given up (default: 10).") var restTimeout: String?
    @Option(help: "Trades of one hole that are fetched at most, 0 to 1000000 (default: 10000).") var backfillLimit:
        String?
    @Option(help: "Seconds between two requests for the symbols' trading status (default: 300).")
    var listingInterval: String?
    @Option(help: "Subscriptions to wait for before connecting to the exchange (default: 0).")
    var waitSubscriptions: String?

    package init() {}

    package func decode(_ settings: inout Settings) throws(ConfigurationError) -> IngestConfiguration {
        let endpoint = try venueEndpoint(&settings)
        let symbols = try symbolChoice(&settings, limit: endpoint.limits.symbols)
        let webSocket = try url("websocketUrl", websocketUrl, endpoint.webSocketURL, ["ws", "wss"], &settings)
        let rest = try url("restUrl", restUrl, endpoint.restURL, ["http", "https"], &settings)
        let unit = try settings.string(
            "timeUnit", timeUnit, default: endpoint.timeUnit == .microseconds ? "microsecond" : "millisecond",
            allowed: ["millisecond", "microsecond"])
        let authorities = try settings.optionalString("caFile", caFile)
        if let authorities, !FileManager.default.isReadableFile(atPath: authorities) {
            throw ConfigurationError(setting: "--ca-file", problem: "'\(authorities)' cannot be read")
        }
        let key = try apiKey(&settings)
        if endpoint.needsKey, key == nil {
            throw ConfigurationError(
                setting: "--api-key-file",
                problem: "is needed for \(endpoint.name); \(VenueCatalog.endpoints[0].name) needs none")
        }
        if !webSocket.hasPrefix("wss:"), !rest.hasPrefix("https:") {
            try settings.refuse("caFile", because: "neither --websocket-url nor --rest-url speaks TLS")
        }
        let firstDelay = try settings.number("reconnectDelay", reconnectDelay, default: 1, in: 0.05...3_600)
        let longestDelay = try settings.number("maxReconnectDelay", maxReconnectDelay, default: 60, in: 0.05...3_600)
        guard firstDelay <= longestDelay else {
            throw ConfigurationError(
                setting: "--max-reconnect-delay", problem: "\(longestDelay) is below --reconnect-delay \(firstDelay)")
        }
        let depth = try settings.integer("depth", depth, default: 20, in: 1...1_000)
        let snapshotDepth = try settings.integer("snapshotDepth", snapshotDepth, default: 5_000, in: 100...5_000)
        guard snapshotDepth >= 2 * depth else {
            throw ConfigurationError(
                setting: "--snapshot-depth", problem: "\(snapshotDepth) is below twice --depth \(depth)")
        }
        let publish = try settings.list("publish", publish, default: ["tcp://127.0.0.1:5555"])
        _ = try Endpoint.list(
            publish.map { $0.replacing("{symbol}", with: "BTCUSDT") }, setting: "--publish", use: .bind)
        return IngestConfiguration(
            symbols: symbols, endpoint: endpoint, webSocketURL: webSocket, restURL: rest, caFile: authorities,
            timeUnit: unit == "microsecond" ? .microseconds : .milliseconds,
            leaseDirectory: try settings.optionalString("leaseDir", leaseDir) ?? LeaseDirectory.defaultPath,
            apiKey: key, publish: publish, security: try BusSecurity.decode(&settings), depth: depth,
            snapshotDepth: snapshotDepth,
            reconnectDelaySeconds: firstDelay,
            maxReconnectDelaySeconds: longestDelay,
            staleAfterSeconds: try settings.number("staleAfter", staleAfter, default: 10, in: 0.5...3_600),
            rotateAfterSeconds: try settings.number(
                "rotateAfter", rotateAfter, default: endpoint.limits.connectionSeconds, in: 1...86_000),
            overlapSeconds: try settings.number("overlap", overlap, default: 10, in: 0.1...600),
            restTimeoutSeconds: try settings.number("restTimeout", restTimeout, default: 10, in: 0.1...600),
            backfillLimit: try settings.integer("backfillLimit", backfillLimit, default: 10_000, in: 0...1_000_000),
            listingIntervalSeconds: try settings.number(
                "listingInterval", listingInterval, default: 300, in: 1...86_400),
            waitSubscriptions: try settings.integer("waitSubscriptions", waitSubscriptions, default: 0, in: 0...1_000))
    }

    /// The contents of the key's file, without the line's end.
    private func apiKey(_ settings: inout Settings) throws(ConfigurationError) -> String? {
        guard let path = try settings.optionalString("apiKeyFile", apiKeyFile) else { return nil }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError(setting: "--api-key-file", problem: "'\(path)' cannot be read")
        }
        let key = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard (1...256).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ConfigurationError(
                setting: "--api-key-file", problem: "'\(path)' holds no key: one line of visible ASCII")
        }
        return key
    }

    private static var endpointNames: [String] { VenueCatalog.endpoints.map(\.name) }

    private func venueEndpoint(_ settings: inout Settings) throws(ConfigurationError) -> VenueEndpoint {
        let names = Self.endpointNames
        // The name that this setting had when all venues were Binance's.
        let earlier = try settings.optionalString("endpoints", nil)
        let name = try settings.string("venue", venue, default: earlier ?? names[0], allowed: names)
        guard let endpoint = VenueCatalog.endpoint(named: name) else {
            throw ConfigurationError(
                setting: "--venue", problem: "'\(name)' is unknown; known are: \(names.joined(separator: ", "))")
        }
        return endpoint
    }

    /// The symbols of `--symbols`, or one of `--symbol-pool`, with the preference of `--symbol-slot` if given.
    ///
    /// - Parameter limit: symbols that one process can serve.
    private func symbolChoice(_ settings: inout Settings, limit: Int) throws(ConfigurationError) -> SymbolChoice {
        let names = try settings.symbols("symbols", symbols, default: ["BTCUSDT"])
        let pool = try settings.symbols("symbolPool", symbolPool, default: [])
        let slot = try settings.optionalString("symbolSlot", symbolSlot)
        guard !pool.isEmpty else {
            if slot != nil { throw ConfigurationError(setting: "--symbol-slot", problem: "needs --symbol-pool") }
            guard names.count <= limit else {
                throw ConfigurationError(
                    setting: "--symbols",
                    problem: "\(names.count) symbols are more than one process can have, \(limit)")
            }
            return .fixed(names)
        }
        try settings.refuse("symbols", because: "--symbol-pool names the symbols; set one of the two")
        guard let slot else { return .pool(pool, preferred: nil) }
        guard let index = ReplicaOrdinal.index(slot) else {
            throw ConfigurationError(
                setting: "--symbol-slot",
                problem: "'\(slot)' is neither a number from 1 nor a name that ends in -0, -1, …")
        }
        // More processes than symbols: the others are standbys for whichever symbol becomes free.
        return .pool(pool, preferred: index < pool.count ? pool[index] : nil)
    }

    package func services(_ configuration: IngestConfiguration, _ runtime: ServiceRuntime) throws -> [any Service] {
        [
            StageThread("ingest") { stop in
                let task = IngestTask(configuration: configuration, runtime: runtime, stop: stop)
                try VenueCatalog.run(task, at: configuration.endpoint, configuration.venueOptions)
            }
        ]
    }

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
