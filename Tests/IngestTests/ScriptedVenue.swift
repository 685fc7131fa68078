import Microstructure
import Venues

/// A venue that does not exist, as unlike Binance as `ingest` must bear: lines of words and no JSON, symbols in lower case with
/// a hyphen, subscriptions by messages, snapshots in the stream, a keep-alive of its own, no trades over HTTP.
///
///     SNAP  btc-usd SEQUENCE TIME_NS bid|ask:PRICE:SIZE …      the whole book
///     DIFF  btc-usd SEQUENCE TIME_NS bid|ask:PRICE:SIZE …      changes; the sequence has no holes
///     TRADE btc-usd ID TIME_NS PRICE SIZE buy|sell
///     BYE                                                      the connection will end
struct ScriptedAdapter: VenueAdapter {
    var depthPublished = 5
    let venue = Venue(rawValue: "scripted") ?? .binance
    let limits = VenueLimits(
        symbols: 4, connectionAttempts: 50, connectionWindowSeconds: 60, connectionSeconds: 3_600, requestWeight: 1_000,
        tradesPerRequest: 10)

    var options: VenueOptions {
        VenueOptions(
            timeUnit: .milliseconds, depthPublished: depthPublished, snapshotDepth: depthPublished, backfillLimit: 10)
    }

    func connectionPlan(for instruments: [Instrument], targetByteLimit: Int) -> ConnectionPlan {
        var plan = ConnectionPlan(target: "/lines", messageSpacingMilliseconds: 10, pingIntervalMilliseconds: 1_000)
        plan.headers = [VenueHeader("X-Client", "lines")]
        plan.subscriptions = instruments.map { "SUB \($0.venueSymbol)" }
        plan.keepAlive = ConnectionPlan.KeepAlive(text: "ALIVE", intervalMilliseconds: 50)
        return plan
    }

    var requestHeaders: [VenueHeader] { [VenueHeader("X-Client", "rules")] }

    func instrumentsRequest(for symbols: [String]) -> VenueRequest {
        VenueRequest(path: "/rules", query: "symbols=\(symbols.joined(separator: ","))", weight: 3)
    }

    func clockRequest() -> VenueRequest? { VenueRequest(path: "/now", weight: 1) }

    /// A line a symbol: its spelling here, its name on the bus, the exponents of price and size, the tick.
    func listings(in body: Span<UInt8>) throws(VenueError) -> [VenueListing] {
        var listings: [VenueListing] = []
        for line in ScriptedText.text(body).split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 5, let price = Int8(words[2]), let size = Int8(words[3]), let tick = Int64(words[4])
            else { throw .rejected(Rejection(.missingField, in: .exchangeInfo, at: 0)) }
            let instrument = Instrument(
                venue: venue, symbol: String(words[1]), venueSymbol: String(words[0]), priceExponent: price,
                quantityExponent: size, tickSize: tick)
            listings.append(
                VenueListing(symbol: instrument.symbol, status: .trading, instrument: .success(instrument)))
        }
        return listings
    }

    func requestWeightLimit(in body: Span<UInt8>) -> Int? { nil }

    func serverTime(in body: Span<UInt8>) throws(VenueError) -> ServerTime {
        guard let time = Int64(ScriptedText.text(body)) else {
            throw .rejected(Rejection(.badNumber, in: .serverTime, at: 0))
        }
        return ServerTime(time: Timestamp(nanoseconds: time), resolutionNanoseconds: 1)
    }

    var usedWeightHeader: String? { "X-Used" }

    func refusal(status: Int, body: Span<UInt8>) -> VenueRefusal {
        VenueRefusal(
            status == 400 ? .invalid : .temporary, .refused(code: Int64(status), message: ScriptedText.text(body)))
    }
}

enum ScriptedText {
    static func text(_ bytes: Span<UInt8>) -> String {
        bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}

/// The session of `ScriptedAdapter`.
struct ScriptedSession: ~Copyable, VenueSession {
    private struct Market {
        var book = OrderBook()
        var validity = Validity.stale
        var epoch: UInt64 = 0
        var lastTrade: Int64?
        var counts = SessionCounts()
        /// Connections that have brought a snapshot.
        var connections: Set<ConnectionID> = []
    }

    private(set) var instruments: [Instrument]
    private(set) var unattributedCounts = SessionCounts()
    private let depth: Int
    private var indices: [String: Int]
    private var markets: [Market]
    private var open: Set<ConnectionID> = []

    init(_ adapter: ScriptedAdapter, instruments: [Instrument]) throws(VenueError) {
        self.instruments = instruments
        depth = adapter.depthPublished
        indices = Dictionary(uniqueKeysWithValues: instruments.enumerated().map { ($1.venueSymbol, $0) })
        markets = instruments.map { _ in Market() }
    }

    mutating func add(_ instrument: Instrument) throws(VenueError) {
        indices[instrument.venueSymbol] = instruments.count
        instruments.append(instrument)
        markets.append(Market())
    }

    mutating func tradingChanged(of id: InstrumentID, isTrading: Bool, at time: Timestamp) {}

    mutating func receive(
        _ frame: Span<UInt8>, from connection: ConnectionID, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        let words = ScriptedText.text(frame).split(separator: " ").map(String.init)
        guard words.count > 4, let index = indices[words[1]], let id = Int64(words[2]), let sent = Int64(words[3])
        else {
            unattributedCounts.messages += 1
            if words == ["BYE"] {
                unattributedCounts.shutdownNotices += 1
                return .reconnect
            }
            unattributedCounts.unknownEvents += 1
            return .proceed
        }
        markets[index].counts.messages += 1
        let times = EventTimes(venue: Timestamp(nanoseconds: sent), receive: time)
        if words[0] == "TRADE" { return trade(id, words, times, index, into: &events) }
        markets[index].counts.depthUpdates += 1
        if words[0] == "SNAP" {
            markets[index].connections.insert(connection)
            guard markets[index].validity != .valid else { return settle(\.depthIgnoredOld, index) }
            markets[index].book.reset(updateID: id)
            markets[index].epoch += 1
            markets[index].validity = .valid
            markets[index].counts.snapshots += 1
        } else {
            guard markets[index].validity == .valid else { return settle(\.depthDropped, index) }
            let next = markets[index].book.updateID + 1
            guard id >= next else { return settle(\.depthIgnoredOld, index) }
            guard id == next else {
                markets[index].counts.gaps += 1
                markets[index].counts.resyncs += 1
                markets[index].validity = .resyncing
                _ = settle(\.depthDropped, index)
                return .resubscribe(InstrumentID(index))
            }
        }
        for word in words[4...] {
            let level = word.split(separator: ":")
            let (price, size) = (Price(Int64(level[1]) ?? 0), Quantity(Int64(level[2]) ?? 0))
            if level[0] == "bid" {
                markets[index].book.setBid(price, to: size)
            } else {
                markets[index].book.setAsk(price, to: size)
            }
        }
        markets[index].book.commit(updateID: id)
        events.append(
            book: markets[index].book, depth: depth, instrument: InstrumentID(index),
            tickSize: instruments[index].tickSize, times: times, epoch: markets[index].epoch, validity: .valid)
        return settle(\.depthApplied, index)
    }

    private mutating func settle(_ count: WritableKeyPath<SessionCounts, UInt64>, _ index: Int) -> VenueAction {
        markets[index].counts[keyPath: count] += 1
        return .proceed
    }

    private mutating func trade(
        _ id: Int64, _ words: [String], _ times: EventTimes, _ index: Int, into events: inout EventBatch
    ) -> VenueAction {
        guard id > markets[index].lastTrade ?? -1 else { return settle(\.duplicateTrades, index) }
        markets[index].lastTrade = id
        events.append(
            .trade(
                Trade(
                    instrument: InstrumentID(index), times: times, id: id, price: Price(Int64(words[4]) ?? 0),
                    quantity: Quantity(Int64(words[5]) ?? 0), aggressor: words[6] == "buy" ? .buy : .sell)))
        return settle(\.trades, index)
    }

    // MARK: Snapshots come in the stream, and trades are not served

    func snapshotRequest(for id: InstrumentID) -> VenueRequest? { nil }
    func receiveSnapshot(
        _ body: Span<UInt8>, for id: InstrumentID, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction { .proceed }
    func snapshotFailed(for id: InstrumentID, at time: Timestamp) -> VenueAction { .proceed }
    func resubscribeMessages(for id: InstrumentID, on connection: ConnectionID) -> [String] {
        ["UNSUB \(instruments[id.index].venueSymbol)", "SUB \(instruments[id.index].venueSymbol)"]
    }
    func lastTradeID(of id: InstrumentID) -> Int64? { markets[id.index].lastTrade }
    func firstMissingTrade(of id: InstrumentID) -> Int64? { nil }
    func missingTrades(of id: InstrumentID) -> Int64 { 0 }
    func tradesRequest(
        for id: InstrumentID, from first: Int64, limit: Int, source: TradeSource
    ) -> VenueRequest? { nil }
    func receiveTrades(
        _ body: Span<UInt8>, from first: Int64, limit: Int, source: TradeSource, for id: InstrumentID, isFinal: Bool,
        at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) {}
    func giveUpTrades(of id: InstrumentID) {}

    // MARK: Connections and silence

    mutating func connectionOpened(_ connection: ConnectionID, at time: Timestamp) {
        open.insert(connection)
        for index in markets.indices where markets[index].validity == .stale { markets[index].validity = .resyncing }
    }

    mutating func connectionClosed(_ connection: ConnectionID, at time: Timestamp) {
        open.remove(connection)
        for index in markets.indices {
            markets[index].connections.remove(connection)
            if open.isEmpty { markets[index].validity = .stale }
        }
    }

    func instrumentsAwaitingHandover(from old: ConnectionID, to new: ConnectionID) -> Int {
        markets.count { !$0.connections.contains(new) }
    }

    func checkSilence(of id: InstrumentID, at time: Timestamp) -> Bool { false }
    func silentChannels(of id: InstrumentID) -> SilentChannels { [] }
    func wantsProbe(of id: InstrumentID, at time: Timestamp) -> Bool { false }
    func confirmQuiet(of id: InstrumentID) {}
    func clockMoved(by nanoseconds: Int64) {}
    func validity(of id: InstrumentID) -> Validity { markets[id.index].validity }
    func epoch(of id: InstrumentID) -> UInt64 { markets[id.index].epoch }
    func counts(of id: InstrumentID) -> SessionCounts { markets[id.index].counts }
}
