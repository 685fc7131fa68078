import Runtime
import Hummingbird
import Microstructure
import NIOCore
import Synchronization

/// `GET /api/v1/overview`: a line about each market, for a page that shows all of them.
///
/// The document is written at most once per `refreshNanoseconds`, whoever asks: many viewers cost no more than one.
final class OverviewController: Sendable {
    static let refreshNanoseconds: Int64 = 500_000_000

    private struct Written {
        var document: ByteBuffer?
        var moment: Int64 = 0
    }

    private let board: MarketBoard
    private let feeds: FeedBoard
    private let signals: LatestSignals
    private let written = Mutex(Written())

    init(board: MarketBoard, feeds: FeedBoard, signals: LatestSignals) {
        self.board = board
        self.feeds = feeds
        self.signals = signals
    }

    var routes: [Route] {
        [
            Route("/api/v1/overview", "A line about each market, at most half a second old.", [.get: overview])
        ]
    }

    @Sendable private func overview(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        _ = try QueryParameters(request, allowed: [])
        return .json(document(at: HostClock.monotonicNanoseconds))
    }

    /// Whoever comes while it is written waits for it: a few milliseconds for a thousand markets.
    private func document(at now: Int64) -> ByteBuffer {
        written.withLock { written in
            if let document = written.document, now - written.moment < Self.refreshNanoseconds { return document }
            let document = write(at: now)
            written = Written(document: document, moment: now)
            return document
        }
    }

    private func write(at now: Int64) -> ByteBuffer {
        let markets = board.all
        var json = JSONWriter(capacity: 320 * markets.count + 64)
        json.object { json in
            json.array("markets") { json in
                for market in markets {
                    market.writeOverview(
                        to: &json, feed: feeds.entry(venue: market.venue, symbol: market.symbol),
                        signal: signals.signal(venue: market.venue, symbol: market.symbol), at: now)
                }
            }
        }
        return json.buffer
    }
}

extension Market {
    fileprivate func writeOverview(
        to json: inout JSONWriter, feed: FeedBoard.Entry?, signal: LatestSignals.Signal?, at now: Int64
    ) {
        let best = bestPrices
        json.object { json in
            json.string("symbol", symbol)
            json.string("venue", venue)
            json.string("validity", validity(of: feed, at: now))
            json.number("age_seconds", feed?.ageSeconds(at: now))
            json.number("mid", best.map { ($0.bid + $0.ask) / 2 } ?? value(chartColumns?.mid))
            json.number("spread_bps", best.map { ($0.ask - $0.bid) / ($0.bid + $0.ask) * 2e4 })
            if let book = book?.message, book.tickSize > 0 {
                json.decimal("tick_size", book.tickSize, exponent: book.priceExponent)
            }
            json.number("imbalance_10", value(chartColumns?.imbalance10))
            json.number("score", detectors?.message.score)
            json.number("dynamic_threshold", detectors?.message.dynamicThreshold)
            let latency = feed.flatMap { $0.status.hasLatencyP95Ns ? Double($0.status.latencyP95Ns) / 1e6 : nil }
            json.number("p95_latency_ms", latency)
            if let signal {
                json.object("last_signal") { json in
                    json.string("id", signal.id)
                    json.number("timestamp", signal.timestamp)
                    json.string("signal_type", signal.type)
                    json.number("score", signal.score)
                    if let direction = signal.direction { json.string("direction", direction) }
                }
            }
        }
    }

    /// Best bid and ask of the book; `nil` where a side is empty.
    private var bestPrices: (bid: Double, ask: Double)? {
        guard let book = book?.message, let bid = book.bidPrices.first, let ask = book.askPrices.first else {
            return nil
        }
        let exponent = Int8(clamping: max(-22, min(22, book.priceExponent)))
        return (Decimal10.value(bid, exponent: exponent), Decimal10.value(ask, exponent: exponent))
    }

    /// A value of the last vector.
    private func value(_ place: Int?) -> Double? { place.flatMap { vector?.message.values[$0] } }
}
