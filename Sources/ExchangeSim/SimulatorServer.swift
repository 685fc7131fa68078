import Runtime
import Logging
import Simulation
import Transport

/// The port of one simulated venue, or of several. Each is served below its name, `ws://host:9443/kraken` and
/// `http://host:9443/kraken/control/accounts`; a lone one also without.
///
/// Not `Sendable`: create and run it on one thread. `SimulatorMonitor` shows it to other threads.
package final class SimulatorServer {
    /// A venue's options and markets; the markets must be in its dialect. Address, port, TLS and the limits of
    /// connections are those of the first venue.
    package typealias Venue = (options: ExchangeSimulator.Options, markets: [any SimulatedMarket])

    /// Longest time for closing handshakes at shutdown.
    private static let farewellNanoseconds: Int64 = 1_000_000_000

    package let port: Int

    private let exchanges: [ExchangeSimulator]
    private let monitor: SimulatorMonitor
    private let loop: EventLoop
    private let server: Server
    private let router: RequestRouter

    /// Binds the port; `run` serves it.
    ///
    /// - Parameter venues: at least one, none twice.
    /// - Throws: `TransportError` if the port cannot be bound, `ExchangeSimulator.DuplicateSymbol`.
    package init(
        _ venues: [Venue], monitor: SimulatorMonitor = SimulatorMonitor(),
        logger: Logger = Logger(label: "exchange-sim")
    ) throws {
        self.monitor = monitor
        var loopOptions = EventLoop.Options()
        // A request line may name a thousand streams.
        loopOptions.maxHeaderBytes = 65_535
        let loop = try EventLoop(loopOptions)
        self.loop = loop
        exchanges = try venues.map { venue in
            try ExchangeSimulator(venue.markets, options: venue.options, loop: loop, logger: logger)
        }
        router = RequestRouter(Array(zip(venues.map(\.options.venue.rawValue), exchanges)))
        let options = venues[0].options
        var serverOptions = ServerOptions()
        serverOptions.host = options.host
        serverOptions.port = options.port
        serverOptions.tlsCertificateFile = options.tlsCertificateFile
        serverOptions.tlsKeyFile = options.tlsKeyFile
        serverOptions.maxQueuedBytes = options.queueBytes
        serverOptions.maxConnections = options.connectionLimit
        serverOptions.customHeaders = exchanges.flatMap(\.api.requestHeaders)
        server = try loop.listen(serverOptions, delegate: router)
        port = server.port
        monitor.set(port: port)
        for (venue, exchange) in zip(venues, exchanges) {
            logger.info(
                "listening",
                metadata: [
                    "port": "\(port)", "venue": "\(venue.options.venue.rawValue)",
                    "symbols": "\(exchange.feeds.map(\.market.listing.symbol).sorted().joined(separator: ","))",
                ])
        }
    }

    /// Since the start, of all venues together.
    package var statistics: SimulatorStatistics {
        exchanges.dropFirst().reduce(into: exchanges[0].statistics) { $0.add($1.statistics) }
    }

    /// Serves on this thread until `stop` is requested; then closes the clients' connections. `onRound` is called after
    /// every poll of the sockets, at least once a second.
    package func run(until stop: StopSignal, onRound: (SimulatorStatistics) -> Void = { _ in }) {
        let wake = loop.wake
        stop.onRequest { wake.wake() }
        while !stop.isRequested {
            let now = HostClock.monotonicNanoseconds
            let wait = exchanges.reduce(Int64.max) { min($0, $1.serve(at: now)) }
            let statistics = statistics
            monitor.set(statistics)
            onRound(statistics)
            loop.runOnce(timeoutMilliseconds: Int((wait + 999_999) / 1_000_000))
        }
        for exchange in exchanges { exchange.closeClients() }
        let end = HostClock.monotonicNanoseconds + Self.farewellNanoseconds
        while exchanges.contains(where: { !$0.openClients.isEmpty }), HostClock.monotonicNanoseconds < end {
            loop.runOnce(timeoutMilliseconds: 50)
        }
        server.stop()
        loop.runOnce(timeoutMilliseconds: 0)
        loop.close()
        monitor.set(statistics)
    }
}
