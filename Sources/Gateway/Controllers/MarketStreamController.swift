import Runtime
import HTTPTypes
import Hummingbird
import Metrics
import NIOCore
import ServiceLifecycle
import Synchronization

/// Live views of the markets as server-sent events: `/api/v1/features/stream` and `/api/v1/live/{symbol}`.
///
/// A view shows the newest state at the rate that the client requests and skips the states in between: a slow client
/// sees fewer events, never old ones, and no queue can grow.
struct MarketStreamController: Sendable {
    /// How often and for how long a client wants events.
    struct Pace: Sendable {
        /// Events per second of each kind.
        static let rateRange = 0.1...100.0
        static let defaultRate = 10.0

        let interval: TimeAmount
        let duration: TimeAmount?

        init(_ query: QueryParameters) throws(QueryError) {
            let rate = try query.number("rate", in: Self.rateRange) ?? Self.defaultRate
            interval = .nanoseconds(Int64(1e9 / rate))
            duration = try query.streamSeconds()
        }
    }

    let board: MarketBoard
    let feeds: FeedBoard
    let views: LiveViews

    var routes: [Route] {
        [
            Route(
                "/api/v1/features/stream", "Feature vectors as they come, as server-sent events (symbol, venue, rate).",
                [.get: features]),
            Route(
                "/api/v1/live/{symbol}",
                "Book, trades, features, detectors and feed of one market, as server-sent events (rate, venue).",
                [.get: market]),
        ]
    }

    @Sendable private func features(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let query = try QueryParameters(request, allowed: MarketFilter.names + ["rate", "seconds"])
        let wanted = try MarketFilter(query)
        let pace = try Pace(query)
        let board = board
        var sent: [String: UInt64] = [:]
        return try views.open(request, context, pace) { events in
            for market in board.all where wanted.matches(symbol: market.symbol, venue: market.venue) {
                let name = "\(market.venue).\(market.symbol)"
                guard sent[name] != market.versions.vector, let json = market.vectorJSON()
                else { continue }
                sent[name] = market.versions.vector
                events.append("features", json)
            }
        }
    }

    @Sendable private func market(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let query = try QueryParameters(request, allowed: ["rate", "venue", "seconds"])
        let pace = try Pace(query)
        let first = try board.market(of: context, query)
        let (board, feeds, symbol, venue) = (board, feeds, first.symbol, first.venue)
        var sent = Market.Versions()
        // The first refresh of a view sends the last trades.
        var sentTrades: UInt64 = 0
        var sentValidity = ""
        var sentFeed: Int64 = 0
        return try views.open(request, context, pace) { events in
            guard let market = board.market(symbol, venue: venue) else { return }
            let now = market.versions
            let validity = feeds.validity(of: market)
            if now.book != sent.book || now.quote != sent.quote || validity != sentValidity,
                let json = market.bookJSON(depth: 20, validity: validity)
            {
                events.append("book", json)
            }
            if market.tradeCount != sentTrades {
                events.append("trades", market.tradesJSON(limit: Market.tradeLimit, after: sentTrades))
            }
            if now.vector != sent.vector, let json = market.vectorJSON() {
                events.append("features", json)
            }
            if now.detectors != sent.detectors, let json = market.detectorsJSON() { events.append("detectors", json) }
            if let feed = feeds.entry(venue: venue, symbol: symbol),
                feed.moment != sentFeed || validity != sentValidity,
                let json = try? StatsController.encode(
                    StatsController.Feed(feed, at: HostClock.monotonicNanoseconds))
            {
                events.append("feed", json)
                sentFeed = feed.moment
            }
            (sent, sentTrades, sentValidity) = (now, market.tradeCount, validity)
        }
    }
}

/// The events of one refresh, as sent.
struct EventLines {
    fileprivate(set) var buffer = ByteBuffer()

    mutating func append(_ name: StaticString, _ json: ByteBuffer) {
        buffer.writeStaticString("event: ")
        buffer.writeStaticString(name)
        buffer.writeStaticString("\ndata: ")
        buffer.writeImmutableBuffer(json)
        buffer.writeStaticString("\n\n")
    }
}

/// The open live views. Their number is bounded; a client that takes too long to read one refresh is dropped.
final class LiveViews: Sendable {
    /// Most views open at a time; further ones are refused.
    static let limit = 1_000
    /// How long a client may take to read the events of one refresh.
    static let patienceNanoseconds: Int64 = 30_000_000_000
    /// How often a view without news sends a heartbeat.
    private static let heartbeatNanoseconds: Int64 = 15_000_000_000

    private let open = Atomic<Int>(0)
    private let clients = Gauge(label: MetricName.liveViews)
    private let dropped = Counter(label: MetricName.liveViewsDropped)

    init() {
        clients.record(0)
        dropped.increment(by: 0)
    }

    private func add(_ change: Int) -> Int {
        let count = open.wrappingAdd(change, ordering: .relaxed).newValue
        clients.record(count)
        return count
    }

    /// One view's slot, freed on deallocation.
    private final class Place: Sendable {
        let views: LiveViews
        /// When the current write began, on the monotonic clock; 0 while idle.
        let writing = Atomic<Int64>(0)

        init(_ views: LiveViews) { self.views = views }
        deinit { _ = views.add(-1) }
    }

    /// Answers with a stream that calls `news` for events at the given pace, never concurrently.
    func open(
        _ request: Request, _ context: GatewayRequestContext, _ pace: MarketStreamController.Pace,
        _ news: sending @escaping (inout EventLines) -> Void
    ) throws -> Response {
        let place = Place(self)
        guard add(1) <= Self.limit else {
            throw Problem(
                .serviceUnavailable, "all \(Self.limit) live views are taken; try again", headers: [.retryAfter: "5"])
        }
        let channel = context.channel
        let (ticks, pulse) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        // Only the task that writes this view calls it.
        nonisolated(unsafe) let news = news
        let dropped = dropped
        let body = ResponseBody { writer in
            let timer = channel.eventLoop.scheduleRepeatedTask(
                initialDelay: .zero, delay: pace.interval
            ) { _ in
                let start = place.writing.load(ordering: .relaxed)
                if start != 0, HostClock.monotonicNanoseconds - start > Self.patienceNanoseconds {
                    dropped.increment()
                    pulse.finish()
                    channel.close(promise: nil)
                }
                pulse.yield()
            }
            let end = pace.duration.map { channel.eventLoop.scheduleTask(in: $0) { pulse.finish() } }
            defer {
                timer.cancel()
                end?.cancel()
            }
            try await withGracefulShutdownHandler {
                try await request.body.consumeWithInboundCloseHandler { _ in
                    try await Self.write(ticks, news, place, to: &writer)
                } onInboundClosed: {
                    pulse.finish()
                }
            } onGracefulShutdown: {
                pulse.finish()
                channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
            }
            try await writer.finish(nil)
        }
        return .eventStream(body)
    }

    private static func write(
        _ ticks: AsyncStream<Void>, _ news: (inout EventLines) -> Void, _ place: Place,
        to writer: inout any ResponseBodyWriter
    ) async throws {
        try await writer.write(ByteBuffer(string: "retry: 1000\n\n"))
        var last = HostClock.monotonicNanoseconds
        for await _ in ticks {
            var events = EventLines()
            news(&events)
            let now = HostClock.monotonicNanoseconds
            if events.buffer.readableBytes == 0 {
                guard now - last > heartbeatNanoseconds else { continue }
                events.buffer.writeImmutableBuffer(StreamEvent.heartbeat.bytes)
            }
            last = now
            place.writing.store(now, ordering: .relaxed)
            try await writer.write(events.buffer)
            place.writing.store(0, ordering: .relaxed)
        }
    }
}

extension Response {
    static func eventStream(_ body: ResponseBody) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store", .accelBuffering: "no"], body: body)
    }
}
