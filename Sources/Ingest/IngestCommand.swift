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
            while all are served. A pool may span venues: --venues A,B --symbol-pool BTC-USDT serves the symbol of \
            each, one a process; A:BTC-USD in the pool is of the one venue only. Settings may also come from the environment (INGEST_SYMBOLS, INGEST_PUBLISH, …) or \
            from the section "ingest" of --config.
            """,
        version: Version.current)
    package static let scope = "ingest"
    package static let defaultMetricsPort = 9101

    @OptionGroup package var common: CommonOptions
    @Option(help: "Symbols to serve, comma-separated, as BTC-USDT or in the venue's spelling (default: BTCUSDT).")
    var symbols: String?
    @Option(help: "Symbols of which this process serves one, comma-separated; VENUE:SYMBOL for one venue of several.")
    var symbolPool: String?
    @Option(help: "Position in the pool: a number from 1, or a pod's name that ends in -0, -1, …") var symbolSlot:
        String?
    @Option(help: "Directory that the processes of a host share (default: ~/.local/state/microstructure).")
    var leaseDir: String?
    @Option(
        name: [.customLong("venue"), .customLong("endpoints")],
        help:
            "Venue to connect to: \(endpointNames.joined(separator: ", ")) (default: \(endpointNames[0]))."
    ) var venue: String?
    @Option(help: "Venues over which a --symbol-pool spans, comma-separated; each symbol is looked for at each.")
    var venues: String?
    @Option(
        help:
            "Form of the venue's streams: \(VenueCatalog.formats.joined(separator: ", ")) (default: that of --venue).")
    var format: String?
    @Option(
        help:
            "WebSocket base address; {venue} is the venue's name and its own address's path (default: the venue's own)."
    ) var websocketUrl: String?
    @Option(
        help:
            "WebSocket base address to go on with if the venue refuses the key (default: the venue's own, or --websocket-url)."
    ) var keylessWebsocketUrl: String?
    @Option(
        help: "REST base address; {venue} is the venue's name and its own address's path (default: the venue's own).")
    var restUrl: String?
    @Option(help: "millisecond or microsecond (default: the finest that the venue documents).") var timeUnit: String?
    @Option(help: "PEM file of certificate authorities to trust instead of the system's.") var caFile: String?
    @Option(help: "File with the API key of a venue that needs one: \(endpointsWithKey).")
    var apiKeyFile: String?
    @Option(
        help:
            "ZeroMQ endpoints to publish on; {symbol} is the symbol, {venue} its venue (default: tcp://127.0.0.1:5555)."
    )
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

    package func decode(_ settings: inout Settings) throws(ConfigurationError) -> IngestPlan {
        let endpoints = try venueEndpoints(&settings)
        let symbols = try symbolChoice(&settings, endpoints)
        let webSocket = try urls(
            "websocketUrl", websocketUrl, ["ws", "wss"], endpoints, endpoints.map(\.webSocketURL), &settings)
        // Not the venue's own address where another was given: a local feed is not replaced by one over the internet.
        let keyless = try urls(
            "keylessWebsocketUrl", keylessWebsocketUrl, ["ws", "wss"], endpoints,
            zip(endpoints, webSocket).map { endpoint, url in
                let open = endpoint.withoutKey.flatMap { VenueCatalog.endpoint(named: $0) }
                return url == endpoint.webSocketURL ? open?.webSocketURL ?? url : url
            }, &settings)
        if endpoints.allSatisfy({ $0.withoutKey == nil }) {
            let names = endpoints.map(\.name).joined(separator: ", ")
            try settings.refuse("keylessWebsocketUrl", because: "\(names) asks for no key")
        }
        let rest = try urls("restUrl", restUrl, ["http", "https"], endpoints, endpoints.map(\.restURL), &settings)
        let finest = endpoints.contains { $0.timeUnit == .microseconds } ? "microsecond" : "millisecond"
        let unit = try settings.string(
            "timeUnit", timeUnit, default: finest, allowed: ["millisecond", "microsecond"])
        let authorities = try settings.optionalString("caFile", caFile)
        if let authorities, !FileManager.default.isReadableFile(atPath: authorities) {
            throw ConfigurationError(setting: "--ca-file", problem: "'\(authorities)' cannot be read")
        }
        let key = try settings.key(inFile: "apiKeyFile", apiKeyFile)
        if key == nil, let endpoint = endpoints.first(where: \.needsKey) {
            throw ConfigurationError(
                setting: "--api-key-file",
                problem: "is needed for \(endpoint.name); \(VenueCatalog.endpoints[0].name) needs none")
        }
        if !webSocket.contains(where: { $0.hasPrefix("wss:") }), !rest.contains(where: { $0.hasPrefix("https:") }) {
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
            publish.map { $0.replacing("{symbol}", with: "BTCUSDT").replacing("{venue}", with: endpoints[0].name) },
            setting: "--publish", use: .bind)
        let leases = try settings.optionalString("leaseDir", leaseDir) ?? LeaseDirectory.defaultPath
        let security = try BusSecurity.decode(&settings)
        let stale = try settings.number("staleAfter", staleAfter, default: 10, in: 0.5...3_600)
        let shortestLife = endpoints.map(\.limits.connectionSeconds).min() ?? 0
        let rotation = try settings.number("rotateAfter", rotateAfter, default: shortestLife, in: 1...86_000)
        let overlap = try settings.number("overlap", overlap, default: 10, in: 0.1...600)
        let restTimeout = try settings.number("restTimeout", restTimeout, default: 10, in: 0.1...600)
        let backfill = try settings.integer("backfillLimit", backfillLimit, default: 10_000, in: 0...1_000_000)
        let listing = try settings.number("listingInterval", listingInterval, default: 300, in: 1...86_400)
        let subscriptions = try settings.integer("waitSubscriptions", waitSubscriptions, default: 0, in: 0...1_000)
        var venues: [IngestConfiguration] = []
        for (index, endpoint) in endpoints.enumerated() {
            // What was not chosen is each venue's own.
            let chosen: VenueTimeUnit = unit == "microsecond" ? .microseconds : .milliseconds
            venues.append(
                IngestConfiguration(
                    endpoint: endpoint, webSocketURL: webSocket[index], restURL: rest[index],
                    keylessWebSocketURL: keyless[index], caFile: authorities,
                    timeUnit: unit == finest ? endpoint.timeUnit : chosen, leaseDirectory: leases, apiKey: key,
                    publish: publish, security: security, depth: depth, snapshotDepth: snapshotDepth,
                    reconnectDelaySeconds: firstDelay, maxReconnectDelaySeconds: longestDelay,
                    staleAfterSeconds: stale,
                    rotateAfterSeconds: rotation == shortestLife ? endpoint.limits.connectionSeconds : rotation,
                    overlapSeconds: overlap, restTimeoutSeconds: restTimeout, backfillLimit: backfill,
                    listingIntervalSeconds: listing, waitSubscriptions: subscriptions))
        }
        return IngestPlan(symbols: symbols, venues: venues)
    }

    private static var endpointNames: [String] { VenueCatalog.endpoints.map(\.name) }
    private static var endpointsWithKey: String {
        VenueCatalog.endpoints.filter(\.needsKey).map(\.name).joined(separator: ", ")
    }

    /// The venues of `--venues`, else the one of `--venue`.
    private func venueEndpoints(_ settings: inout Settings) throws(ConfigurationError) -> [VenueEndpoint] {
        let names = Self.endpointNames
        let several = try settings.list("venues", venues, default: [])
        // The name that this setting had when there was one venue.
        let earlier = try settings.optionalString("endpoints", nil)
        let one = try settings.string("venue", venue, default: earlier ?? names[0], allowed: names)
        var endpoints: [VenueEndpoint] = []
        for name in several.isEmpty ? [one] : several {
            let setting = several.isEmpty ? "--venue" : "--venues"
            guard let endpoint = VenueCatalog.endpoint(named: name) else {
                throw ConfigurationError(
                    setting: setting, problem: "'\(name)' is unknown; known are: \(names.joined(separator: ", "))")
            }
            guard !endpoints.contains(endpoint) else {
                throw ConfigurationError(setting: setting, problem: "'\(name)' stands twice")
            }
            endpoints.append(endpoint)
        }
        let format = try settings.string(
            "format", format, default: endpoints[0].format, allowed: VenueCatalog.formats)
        guard several.isEmpty else { return endpoints }
        guard let chosen = VenueCatalog.endpoint(named: one, format: format) else {
            throw ConfigurationError(setting: "--format", problem: "\(one) has no streams in the format \(format)")
        }
        return [chosen]
    }

    /// The symbols of `--symbols`, or one market of `--symbol-pool`, with the preference of `--symbol-slot` if given.
    private func symbolChoice(
        _ settings: inout Settings, _ endpoints: [VenueEndpoint]
    ) throws(ConfigurationError) -> SymbolChoice {
        let names = try settings.symbols("symbols", symbols, default: ["BTCUSDT"])
        let pooled = try settings.list("symbolPool", symbolPool, default: [])
        let slot = try settings.optionalString("symbolSlot", symbolSlot)
        guard !pooled.isEmpty else {
            if slot != nil { throw ConfigurationError(setting: "--symbol-slot", problem: "needs --symbol-pool") }
            guard endpoints.count == 1 else {
                throw ConfigurationError(
                    setting: "--venues",
                    problem: "one process serves one venue; give --symbol-pool, and start a process a market")
            }
            let limit = endpoints[0].limits.symbols
            guard names.count <= limit else {
                throw ConfigurationError(
                    setting: "--symbols",
                    problem: "\(names.count) symbols are more than one process can have, \(limit)")
            }
            return .fixed(names)
        }
        try settings.refuse("symbols", because: "--symbol-pool names the symbols; set one of the two")
        let pool = try Self.markets(pooled, endpoints)
        guard let slot else { return .pool(pool, preferred: nil) }
        guard let index = ReplicaOrdinal.index(slot) else {
            throw ConfigurationError(
                setting: "--symbol-slot",
                problem: "'\(slot)' is neither a number from 1 nor a name that ends in -0, -1, …")
        }
        // More processes than markets: the others are standbys for whichever market becomes free.
        return .pool(pool, preferred: index < pool.count ? pool[index] : nil)
    }

    /// The markets of a pool, symbol by symbol: `VENUE:SYMBOL` at that venue, any other at each.
    private static func markets(
        _ names: [String], _ endpoints: [VenueEndpoint]
    ) throws(ConfigurationError) -> [PoolMarket] {
        let setting = "--symbol-pool"
        var pool: [PoolMarket] = []
        for name in names {
            let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let symbol = try Settings.symbol(parts[parts.count - 1], setting: setting)
            let venues = endpoints.filter { parts.count == 1 || $0.name == parts[0].lowercased() }
            guard !venues.isEmpty else {
                throw ConfigurationError(
                    setting: setting, problem: "'\(name)' is of a venue that is not chosen; add it to --venues")
            }
            for market in venues.map({ PoolMarket($0, symbol) }) {
                guard !pool.contains(market) else {
                    throw ConfigurationError(setting: setting, problem: "'\(name)' stands twice")
                }
                pool.append(market)
            }
        }
        return pool
    }

    package func services(_ plan: IngestPlan, _ runtime: ServiceRuntime) throws -> [any Service] {
        [StageThread("ingest") { stop in try IngestProcess(plan, runtime).run(until: stop) }]
    }

    /// The base address at each venue: its standard one, or the one chosen, in which `{venue}` stands for the venue's name
    /// and the path of its standard one.
    private func urls(
        _ name: String, _ commandLine: String?, _ schemes: [String], _ endpoints: [VenueEndpoint],
        _ addresses: [String], _ settings: inout Settings
    ) throws(ConfigurationError) -> [String] {
        let standard = addresses.joined(separator: ",")
        let text = try settings.string(name, commandLine, default: standard)
        if text == standard { return addresses }
        guard endpoints.count == 1 || text.contains("{venue}") else {
            throw ConfigurationError(
                setting: Settings.optionName(name), problem: "'\(text)' needs {venue} where --venues names several")
        }
        var chosen: [String] = []
        for (endpoint, address) in zip(endpoints, addresses) {
            let text = text.replacing("{venue}", with: endpoint.name + (URL(string: address)?.path ?? ""))
            guard let url = URL(string: text), let scheme = url.scheme, schemes.contains(scheme), url.host != nil,
                url.query == nil, (1...65_535).contains(url.port ?? 443)
            else {
                throw ConfigurationError(
                    setting: Settings.optionName(name),
                    problem: "'\(text)' needs to be \(schemes.joined(separator: " or "))://host[:port][/path]")
            }
            chosen.append(text.hasSuffix("/") ? String(text.dropLast()) : text)
        }
        return chosen
    }
}
