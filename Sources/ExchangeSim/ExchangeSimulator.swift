import Runtime
import Logging
import Microstructure
import Simulation
import Transport

/// A simulated venue: its markets, clients and faults. `VenueDialect` and `VenueAPI` hold the venue's format; this core is
/// independent of it, and `SimulatorServer` gives it a port.
///
/// Each symbol has its own clock, which starts with the first subscription to one of its streams. At a finite speed a
/// client that does not keep up is disconnected, as on real exchanges. At `.unpaced` the slowest client sets the pace,
/// nothing is dropped, and a market without followers pauses.
///
/// Not `Sendable`: it lives on its server's thread.
package final class ExchangeSimulator {
    package struct Options: Sendable {
        /// The venue whose protocol is served. The markets must be in its dialect.
        package var venue = ExchangeVenue.binance
        package var host = "127.0.0.1"
        /// 0 picks a free port.
        package var port = 9443
        package var speed = MarketSpeed.factor(1)
        /// Longest wall-clock wait for a client's snapshot request at the point where the recorder made its own.
        package var holdSeconds = 10.0
        package var pingIntervalSeconds = 20.0
        /// A client is disconnected when its pong is overdue this long.
        package var pongTimeoutSeconds = 60.0
        /// Limit of a client's outgoing queue. At least four times the longest frame.
        package var queueBytes = 4 << 20
        /// PEM files; with both, the port speaks TLS.
        package var tlsCertificateFile: String?
        package var tlsKeyFile: String?
        /// The faults to inject.
        package var faults = FaultPlan()
        /// Keeps `TruthBook`s, for `/control/book` and for crossing books.
        package var keepsTruth = false
        /// The file of `TruthLog`; `nil` writes none.
        package var truthFile: String?
        /// The key that a venue's binary streams ask for; `nil` takes any.
        package var apiKey: String?
        /// Request weight per minute for all clients together: they share one address here.
        package var weightLimit = 6_000
        /// Trades of each symbol that can still be requested.
        package var tradeHistory = 100_000
        /// WebSocket and HTTP connections at once.
        package var connectionLimit = 512

        package init() {}
    }

    /// Two markets have the same symbol.
    package struct DuplicateSymbol: Error, Equatable, CustomStringConvertible {
        package let symbol: String

        package var description: String { "the symbol \(symbol) is given more than once" }
    }

    /// Most frames of one market between two polls of the sockets.
    private static let framesPerRound = 1_000
    internal(set) var statistics = SimulatorStatistics()

    let feeds: [MarketFeed]
    var venue: ExchangeVenue { options.venue }
    private let feedsBySymbol: [String: MarketFeed]
    private let options: Options
    private let logger: Logger
    private let dialect: any VenueDialect
    let api: any VenueAPI
    let faults: FaultInjector
    /// In the order of opening.
    private(set) var openClients: [SimulatedClient] = []

    /// - Throws: `DuplicateSymbol`; the error of a truth file that cannot be written.
    init(_ markets: [any SimulatedMarket], options: Options, loop: EventLoop, logger: Logger) throws {
        precondition(options.queueBytes > 0 && options.pingIntervalSeconds > 0 && options.pongTimeoutSeconds > 0)
        self.options = options
        self.logger = logger
        dialect = options.venue.dialect
        api = options.venue.makeAPI(options)
        let dialect = dialect
        feeds = markets.map {
            MarketFeed(
                $0, dialect: dialect, speed: options.speed, keepsTruth: options.keepsTruth,
                tradeHistory: options.tradeHistory)
        }
        feedsBySymbol = try Dictionary(feeds.map { ($0.market.listing.symbol, $0) }) { feed, _ in
            throw DuplicateSymbol(symbol: feed.market.listing.symbol)
        }
        let log = try options.truthFile.map { try TruthLog(path: $0) }
        faults = FaultInjector(options.faults, dialect: dialect, api: api, log: log, loop: loop, logger: logger)
        faults.exchange = self
    }

    /// Closes the connections of all clients.
    func closeClients() {
        for client in openClients { client.leave(code: 1001, reason: "the simulator ends") }
    }

    /// Queues the frames that are due; returns the time until the next due frame, in ns.
    func serve(at now: Int64) -> Int64 {
        let pingInterval = Int64(options.pingIntervalSeconds * 1e9)
        let pongTimeout = Int64(options.pongTimeoutSeconds * 1e9)
        for client in openClients { client.keepAlive(at: now, pingInterval: pingInterval, pongTimeout: pongTimeout) }
        faults.advance(to: now)
        var wait = min(1_000_000_000, pingInterval / 2, pongTimeout / 2, faults.wait(from: now))
        for feed in feeds { wait = min(wait, advance(feed, at: now)) }
        faults.flush()
        return max(0, wait)
    }

    private func advance(_ feed: MarketFeed, at now: Int64) -> Int64 {
        let symbol = feed.market.listing.symbol
        let holdLimit = Int64(options.holdSeconds * 1e9)
        if feed.expireHold(after: holdLimit, at: now) {
            statistics.holdsExpired += 1
            logger.notice("nobody fetched the snapshot in time; the market goes on", metadata: ["symbol": "\(symbol)"])
        }
        do throws(CaptureError) {
            var (sent, isInChange) = (0, false)
            // Clients speak between two rounds; a book given within a change would lack its first messages.
            while sent < Self.framesPerRound || isInChange {
                if !feed.isPaced, !isInChange {
                    if feed.followers.isEmpty { break }
                    // A client that reads wakes the loop; this timeout covers one that does not.
                    if feed.hasFollower(over: options.queueBytes / 4) { return 5_000_000 }
                }
                guard let frame = try feed.nextFrame(at: now) else { break }
                sent += 1
                if frame.kind == .depth { isInChange = frame.isPart }
                for record in feed.note(frame) { faults.note(record, of: symbol) }
                for id in feed.notedTrades { faults.note(trade: id, of: symbol) }
                for planted in feed.newlyPlanted() {
                    faults.note(planted.event, from: planted.times, of: symbol)
                }
                for client in feed.followers[frame.stream] ?? [] {
                    faults.deliver(frame, of: feed, to: client, at: now)
                }
            }
        } catch {
            statistics.failures[symbol] = error.description
            logger.error("the capture cannot be played on", metadata: ["symbol": "\(symbol)", "error": "\(error)"])
        }
        if feed.market.phase == .ended, !statistics.endedSymbols.contains(symbol) {
            statistics.endedSymbols.append(symbol)
            logger.info("the market has ended", metadata: ["symbol": "\(symbol)"])
        }
        return feed.wait(from: now, holdLimit: holdLimit) ?? .max
    }

    // MARK: - For clients and requests

    /// `nil` for a symbol that the exchange does not list.
    func feed(of symbol: String) -> MarketFeed? { feedsBySymbol[symbol].flatMap { $0.status == nil ? nil : $0 } }

    /// Gives a market another status; `nil` takes it off the list. `false` for an unknown symbol.
    func change(_ symbol: String, to status: String?) -> Bool {
        guard let feed = feedsBySymbol[symbol] else { return false }
        feed.change(to: status, at: HostClock.monotonicNanoseconds)
        logger.info("status changed", metadata: ["symbol": "\(symbol)", "status": "\(status ?? "not listed")"])
        return true
    }

    /// The exchange's time in ms: the latest of its open markets, whose clocks are independent. Before any market
    /// opens, the start time of the first market.
    func serverTime(at now: Int64) -> Int64 { marketTime(at: now).bucket(width: 1_000_000) }

    /// The time reported to clients, in µs: `serverTime` plus the clock error of the faults.
    func serverMicroseconds(at now: Int64) -> Int64 {
        marketTime(at: now).bucket(width: 1_000) + faults.clockShift(at: now) * 1_000
    }

    private func marketTime(at now: Int64) -> Timestamp {
        let open = feeds.filter(\.clock.isStarted).map { $0.market.time(at: $0.clock.offset(at: now)) }
        return open.max() ?? feeds.first?.market.startTime ?? Timestamp(nanoseconds: 0)
    }

    func opened(_ client: SimulatedClient) {
        openClients.append(client)
        statistics.clientsAccepted += 1
        statistics.clientsConnected = openClients.count
    }

    func closed(_ client: SimulatedClient) {
        openClients.removeAll { $0 === client }
        statistics.clientsConnected = openClients.count
    }

    /// A stream of an unknown symbol, or one its market does not send, is accepted and stays silent.
    func follow(_ stream: String, _ client: SimulatedClient) {
        feed(ofStream: stream)?.add(client, to: stream, at: HostClock.monotonicNanoseconds)
    }

    func unfollow(_ stream: String, _ client: SimulatedClient) {
        feed(ofStream: stream)?.remove(client, from: stream)
    }

    private func feed(ofStream name: String) -> MarketFeed? { dialect.symbol(ofStream: name).flatMap { feed(of: $0) } }
}
