import Runtime
import ArgumentParser
import Foundation
import Logging
import Microstructure
import ServiceLifecycle
import Simulation

/// The configuration of an `exchange-sim` process.
package struct ExchangeSimConfiguration: Sendable {
    /// Recordings, one symbol each; empty for the synthetic market.
    package var captures: [String]
    package var loops: Bool
    /// Of each venue served its options, of which the first one's hold for the port, and its synthetic markets.
    package var venues: [(options: ExchangeSimulator.Options, synthetic: SyntheticSpecification)]
}

/// `exchange-sim`: a local exchange that speaks the protocol of one venue, or of several.
package struct ExchangeSimCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "exchange-sim",
        abstract: "A local exchange that speaks a venue's WebSocket and REST protocol on one port.",
        discussion: """
            Of several venues (--venue kraken,okx) each has the same market and is served below its name: \
            ws://127.0.0.1:9443/kraken. It plays recordings (--capture, one file a symbol: lines of `receive_ns JSON`, plain, .gz or .zst) or a \
            synthetic market (--synthetic, the default; its specification: the article Synthetic). Settings may also come from the environment \
            (SIMULATOR_PORT, …) or from the section "simulator" of --config. While it runs, POST /control/faults injects \
            a fault ({"fault": "reset"}), POST /control/status changes a market's status ({"symbol": "ETHUSDT", "status": "HALT"}; \
            without a status it is not listed), GET /control/faults counts them, GET /control/accounts says what was sent, and \
            with --truth or --faults GET /control/book?symbol=BTCUSDT shows the book that a client must have.
            """,
        version: Version.current)
    package static let scope = "simulator"
    package static let defaultMetricsPort = 9106

    @OptionGroup package var common: CommonOptions
    @Option(
        help:
            "Venues whose protocol it speaks, comma-separated: \(ExchangeVenue.allCases.map(\.rawValue).joined(separator: ", ")) (default: binance)."
    ) var venue: String?
    @Option(parsing: .upToNextOption, help: "Recordings to play.") var capture: [String] = []
    @Option(
        help: ArgumentHelp(
            "Symbols of the synthetic market (VENUE:SYMBOL for one venue of several), or its specification, a file whose name ends in .json (default: BTCUSDT,ETHUSDT; BTCUSD,ETHUSD for contracts in dollars).",
            valueName: "symbols|spec"))
    var synthetic: String?
    @Option(help: "Seed of the synthetic market (default: 1, or the specification's).") var seed: String?
    @Option(
        help:
            "Limit orders and cancellations a second of each synthetic symbol (default: the market's own, 200 to 400).")
    var orderRate: String?
    @Option(
        help:
            "Delays and order of arrival of the synthetic market's messages: measured at the venue, or none (default: measured, or the specification's)."
    )
    var delays: String?
    @Option(help: "1, another factor, or max: as fast as the slowest client reads (default: 1).") var speed: String?
    @Flag(help: "Start a recording again at its end.") var loop = false
    @Option(help: "Address to bind (default: 127.0.0.1).") var host: String?
    @Option(help: "Port for WebSocket and REST; 0 picks a free one (default: 9443).") var port: String?
    @Option(help: "Seconds between the exchange's pings (default: 20).") var pingInterval: String?
    @Option(help: "PEM certificate; with --tls-key the port speaks TLS.") var tlsCertificate: String?
    @Option(help: "PEM key of the certificate.") var tlsKey: String?

    @Option(help: "File with the key that binance-sbe asks for; any key if left out.") var apiKeyFile: String?
    @Option(
        help: "JSON file of faults to inject; its format, and which fault a venue can have: the article FeedIntegrity.")
    var faults: String?
    @Option(
        help: "File to write what was sent, planted and broken, a JSON object a line; of several venues FILE.kraken, …")
    var truth: String?
    @Option(help: "Request weight a minute (default: 6000).") var weightLimit: String?
    @Option(help: "Trades a symbol that historicalTrades still gives (default: 100000).") var tradeHistory: String?

    package init() {}

    package func decode(_ settings: inout Settings) throws(ConfigurationError) -> ExchangeSimConfiguration {
        var options = ExchangeSimulator.Options()
        let venues = try venues(&settings)
        let text = try settings.string("speed", speed, default: "1")
        if text == "max" {
            options.speed = .unpaced
        } else if let factor = Double(text), (0.001...10_000).contains(factor) {
            options.speed = .factor(factor)
        } else {
            throw ConfigurationError(setting: "--speed", problem: "'\(text)' is neither max nor from 0.001 to 10000")
        }
        options.host = try settings.string("host", host, default: "127.0.0.1")
        options.port = try settings.integer("port", port, default: 9_443, in: 0...65_535)
        options.pingIntervalSeconds = try settings.number("pingInterval", pingInterval, default: 20, in: 0.1...3_600)
        options.tlsCertificateFile = try settings.optionalString("tlsCertificate", tlsCertificate)
        options.tlsKeyFile = try settings.optionalString("tlsKey", tlsKey)
        guard (options.tlsCertificateFile == nil) == (options.tlsKeyFile == nil) else {
            throw ConfigurationError(setting: "--tls-certificate", problem: "needs --tls-key as well, and the reverse")
        }
        options.apiKey = try settings.key(inFile: "apiKeyFile", apiKeyFile)
        options.truthFile = try settings.optionalString("truth", truth)
        let faultFile = try settings.optionalString("faults", faults)
        if let faultFile { options.faults = try Self.faults(faultFile, of: venues) }
        options.keepsTruth = options.truthFile != nil || faultFile != nil
        options.weightLimit = try settings.integer("weightLimit", weightLimit, default: 6_000, in: 1...1_000_000_000)
        options.tradeHistory = try settings.integer(
            "tradeHistory", tradeHistory, default: 100_000, in: 1...10_000_000)
        let captures = try settings.list("capture", capture.isEmpty ? nil : capture.joined(separator: ","), default: [])
        for path in captures where !FileManager.default.isReadableFile(atPath: path) {
            throw ConfigurationError(setting: "--capture", problem: "'\(path)' cannot be read")
        }
        if !captures.isEmpty, venues != [.binance] {
            throw ConfigurationError(
                setting: "--capture", problem: "recordings are played in Binance's protocol only; leave out --venue")
        }
        let specifications = try self.specifications(&settings, of: venues)
        let loops = try settings.flag("loop", loop)
        if !captures.isEmpty {
            for name in ["synthetic", "seed", "orderRate"] {
                try settings.refuse(name, because: "--capture plays recordings; leave it out for a synthetic market")
            }
        } else if loops {
            try settings.refuse("loop", because: "only a recording ends; give one with --capture")
        }
        return ExchangeSimConfiguration(
            captures: captures, loops: loops,
            venues: zip(venues, specifications).map { venue, specification in
                var own = options
                own.venue = venue
                if venues.count > 1 { own.truthFile = options.truthFile.map { "\($0).\(venue.rawValue)" } }
                return (own, specification)
            })
    }

    private func venues(_ settings: inout Settings) throws(ConfigurationError) -> [ExchangeVenue] {
        let known = ExchangeVenue.allCases.map(\.rawValue)
        var venues: [ExchangeVenue] = []
        for name in try settings.list("venue", venue, default: [known[0]]) {
            guard let venue = ExchangeVenue(rawValue: name) else {
                throw ConfigurationError(
                    setting: "--venue", problem: "'\(name)' is unknown; known are: \(known.joined(separator: ", "))")
            }
            guard !venues.contains(venue) else {
                throw ConfigurationError(setting: "--venue", problem: "'\(name)' stands twice")
            }
            venues.append(venue)
        }
        return venues
    }

    /// The synthetic markets of each venue: a file's, or the demonstration's events for the given symbols, of which
    /// `VENUE:SYMBOL` is one venue's only.
    private func specifications(
        _ settings: inout Settings, of venues: [ExchangeVenue]
    ) throws(ConfigurationError) -> [SyntheticSpecification] {
        let own = venues.map(\.symbols)
        let standard =
            venues.count == 1
            ? own[0]
            : zip(venues, own).flatMap { venue, symbols in
                symbols.map { "\(venue.rawValue):\($0)" }
            }
        let names = try settings.list("synthetic", synthetic, default: standard)
        var specifications: [SyntheticSpecification] = []
        if names.count == 1, names[0].hasSuffix(".json") {
            let file: SyntheticSpecification = try JSONFile.load(names[0], setting: "--synthetic")
            specifications = venues.map { _ in file }
        } else {
            for venue in venues {
                specifications.append(.demonstration(symbols: try Self.symbols(names, of: venue, venues), seed: 1))
            }
        }
        let first = specifications[0]
        let seed = UInt64(try settings.integer("seed", seed, default: Int(clamping: first.seed), in: 0...Int.max))
        let delays = try settings.string("delays", delays, default: first.delays.rawValue)
        guard let known = ArrivalDelays.Name(rawValue: delays) else {
            throw ConfigurationError(setting: "--delays", problem: "'\(delays)' is neither measured nor none")
        }
        let rate = try settings.number("orderRate", orderRate, default: 0, in: 0...10_000)
        for index in specifications.indices {
            specifications[index].seed = seed
            specifications[index].delays = known
            guard rate > 0 else { continue }
            for market in specifications[index].markets.indices {
                // Market orders keep their share of the flow.
                let factor = rate / specifications[index].markets[market].orderRate
                specifications[index].markets[market].scaleRates(by: factor)
            }
        }
        return specifications
    }

    /// The symbols that `names` give a venue; at least one.
    private static func symbols(
        _ names: [String], of venue: ExchangeVenue, _ venues: [ExchangeVenue]
    ) throws(ConfigurationError) -> [String] {
        let setting = "--synthetic"
        var symbols: [String] = []
        for name in names {
            let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if parts.count == 2 {
                guard venues.contains(where: { $0.rawValue == parts[0].lowercased() }) else {
                    throw ConfigurationError(
                        setting: setting, problem: "'\(name)' is of a venue that --venue does not name")
                }
                if parts[0].lowercased() != venue.rawValue { continue }
            }
            let symbol = parts[parts.count - 1].uppercased()
            guard Listing.isSymbol(symbol) else {
                throw ConfigurationError(
                    setting: setting,
                    problem:
                        "'\(symbol)' is no symbol: 1 to 20 letters of any script, digits, dashes, underscores or dots"
                )
            }
            guard !symbols.contains(symbol) else {
                throw ConfigurationError(setting: setting, problem: "'\(symbol)' stands twice")
            }
            symbols.append(symbol)
        }
        guard !symbols.isEmpty else {
            throw ConfigurationError(setting: setting, problem: "names no symbol of \(venue.rawValue)")
        }
        return symbols
    }

    package func services(_ configuration: ExchangeSimConfiguration, _ runtime: ServiceRuntime) throws -> [any Service]
    {
        [
            StageThread("exchange-sim") { stop in
                let startTime = HostClock.now
                let simulator = try SimulatorServer(
                    configuration.venues.map {
                        ($0.options, try Self.markets($0.options.venue.dialect, $0.synthetic, configuration, startTime))
                    },
                    logger: runtime.logger)
                var nextBeat: Int64 = 0
                simulator.run(until: stop) { statistics in
                    let now = HostClock.monotonicNanoseconds
                    guard now >= nextBeat else { return }
                    nextBeat = now + 1_000_000_000
                    runtime.health.beat(
                        "simulator", isReady: statistics.failures.isEmpty,
                        detail: "\(statistics.clientsConnected) clients, \(statistics.failures.count) failed markets")
                }
                runtime.logger.info("accounts", metadata: ["statistics": "\(simulator.statistics)"])
            }
        ]
    }

    /// Reads a fault file, whose faults must be the venue's.
    static func faults(_ path: String, of venues: [ExchangeVenue]) throws(ConfigurationError) -> FaultPlan {
        let plan = try readFaults(path)
        for venue in venues {
            if let objection = plan.faults.lazy.compactMap({ venue.objection(to: $0.kind) }).first {
                throw ConfigurationError(setting: "--faults", problem: "'\(path)': \(objection)")
            }
        }
        return plan
    }

    private static func readFaults(_ path: String) throws(ConfigurationError) -> FaultPlan {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError(setting: "--faults", problem: "'\(path)' cannot be read")
        }
        do {
            return try JSONDecoder().decode(FaultPlan.self, from: data)
        } catch {
            throw ConfigurationError(setting: "--faults", problem: "'\(path)': \(ControlAPI.describe(error))")
        }
    }

    /// The markets in a venue's dialect; they are the same for each venue.
    private static func markets(
        _ dialect: any VenueDialect, _ synthetic: SyntheticSpecification, _ configuration: ExchangeSimConfiguration,
        _ startTime: Timestamp
    ) throws -> [any SimulatedMarket] {
        if configuration.captures.isEmpty {
            return synthetic.markets.map {
                dialect.serve(
                    SyntheticMarket($0, events: synthetic.events, seed: synthetic.seed, startTime: startTime),
                    delays: synthetic.delays)
            }
        }
        return try configuration.captures.map { path in
            do {
                return try dialect.play(CaptureFile(path: path), loops: configuration.loops)
            } catch let error as CaptureError {
                throw RecordingError(path: path, problem: "\(error)")
            }
        }
    }
}

extension CaptureFile: LineSource {}
