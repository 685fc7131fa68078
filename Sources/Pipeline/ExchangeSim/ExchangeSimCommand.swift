public import ArgumentParser
import Foundation
import Logging
public import ServiceLifecycle
import Simulation

/// What an `exchange-sim` process is told.
public struct ExchangeSimConfiguration: Sendable {
    /// Recordings, one symbol each; empty for the synthetic market.
    public var captures: [String]
    public var symbols: [String]
    public var seed: UInt64
    public var loops: Bool
    public var options: ExchangeSimulator.Options
}

/// `exchange-sim`: a local exchange that speaks Binance's protocol.
public struct ExchangeSimCommand: ServiceCommand {
    public static let configuration = CommandConfiguration(
        commandName: "exchange-sim",
        abstract: "A local exchange that speaks Binance's WebSocket and REST protocol on one port.",
        discussion: """
            It plays recordings (--capture, one file a symbol: lines of `receive_ns JSON`, plain, .gz or .zst) or a \
            synthetic market (--synthetic, the default). Settings may also come from the environment \
            (SIMULATOR_PORT, …) or from the section "simulator" of --config.
            """,
        version: Version.current)
    public static let scope = "simulator"
    public static let defaultMetricsPort = 9106

    @OptionGroup public var common: CommonOptions
    @Option(parsing: .upToNextOption, help: "Recordings to play.") var capture: [String] = []
    @Option(help: "Symbols of the synthetic market (default: BTCUSDT,ETHUSDT).") var synthetic: String?
    @Option(help: "Seed of the synthetic market (default: 1).") var seed: String?
    @Option(help: "1, another factor, or max: as fast as the slowest client reads (default: 1).") var speed: String?
    @Flag(help: "Start a recording again at its end.") var loop = false
    @Option(help: "Address to bind (default: 127.0.0.1).") var host: String?
    @Option(help: "Port for WebSocket and REST; 0 picks a free one (default: 9443).") var port: String?
    @Option(help: "Seconds between the exchange's pings (default: 20).") var pingInterval: String?
    @Option(help: "PEM certificate; with --tls-key the port speaks TLS.") var tlsCertificate: String?
    @Option(help: "PEM key of the certificate.") var tlsKey: String?

    public init() {}

    public func decode(_ settings: inout Settings) throws(ConfigurationError) -> ExchangeSimConfiguration {
        var options = ExchangeSimulator.Options()
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
        let captures = try settings.list("capture", capture.isEmpty ? nil : capture.joined(separator: ","), default: [])
        let symbols = try settings.list("synthetic", synthetic, default: ["BTCUSDT", "ETHUSDT"])
        if !captures.isEmpty, synthetic != nil {
            throw ConfigurationError(setting: "--synthetic", problem: "cannot be had together with --capture")
        }
        return ExchangeSimConfiguration(
            captures: captures, symbols: symbols.map { $0.uppercased() },
            seed: UInt64(try settings.integer("seed", seed, default: 1, in: 0...Int.max)),
            loops: try settings.flag("loop", loop), options: options)
    }

    public func services(_ configuration: ExchangeSimConfiguration, _ runtime: ServiceRuntime) throws -> [any Service] {
        [
            StageThread("exchange-sim") { stop in
                let simulator = try ExchangeSimulator(
                    Self.markets(configuration), options: configuration.options, logger: runtime.logger)
                var nextBeat: Int64 = 0
                simulator.run(until: stop) { statistics in
                    let now = Clock.monotonicNanoseconds
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

    private static func markets(_ configuration: ExchangeSimConfiguration) throws -> [any SimulatedMarket] {
        if configuration.captures.isEmpty {
            return configuration.symbols.enumerated().map { index, symbol in
                SyntheticMarket(
                    .init(symbol: symbol), seed: configuration.seed &+ UInt64(index), startTime: Clock.now)
            }
        }
        return try configuration.captures.map { path in
            do {
                return try CapturePlayer(CaptureFile(path: path), loops: configuration.loops)
            } catch let error as CaptureError {
                throw RecordingError(path: path, problem: "\(error)")
            }
        }
    }
}
