import Microstructure

/// Writes a market's events as Binance's binary messages, depth every 20 ms, and beside them as the JSON messages of the same
/// market, depth every 100 ms. Trades of one taker share a binary message.
public struct BinanceSBEEncoder: MarketEncoder {
    /// The interval of the binary depth stream (2026-08-04).
    static let depthInterval: Int64 = 20_000_000

    /// The name of a binary stream inside the simulator, where JSON streams have their own.
    public static func streamName(_ name: String) -> String { streamPrefix + name }
    static let streamPrefix = "sbe/"

    /// Fills of one incoming order, not yet written.
    private struct Taker {
        var trades: [(id: Int64, level: PriceLevel)]
        let aggressor: AggressorSide
        let event: SimulatedEvent
        let published: Int64
        let sent: Int64
    }

    private let names: (depth: String, trades: String, quotes: String)
    private let symbol: [UInt8]
    private let exponents: (price: Int8, quantity: Int8)
    private var clock: ArrivalClock
    private var json: BinanceEncoder
    /// The depth updates since the last one in JSON.
    private var merged: DepthChange?
    private var nextMerged = SyntheticMarket.depthInterval
    private var taker: Taker?
    /// When the frame last sent was due.
    private var lastDue: Int64 = 0

    public init(_ market: SyntheticMarket, delays: ArrivalDelays) {
        let listing = market.listing
        let name = Self.streamPrefix + listing.symbol.lowercased()
        names = (name + "@depth", name + "@trade", name + "@bestBidAsk")
        symbol = Array(listing.symbol.utf8)
        exponents = (listing.priceUnit.exponent, listing.quantityUnit.exponent)
        clock = ArrivalClock(delays, seed: market.arrivalSeed)
        json = BinanceEncoder(market, delays: delays)
    }

    public mutating func encode(_ event: SimulatedEvent, into frames: inout [MarketFrame]) {
        let written = frames.count
        encode(copyOf: event, into: &frames)
        for place in written..<frames.count { frames[place].isCopy = true }
        if case .trade(let id, let price, let quantity, let aggressor) = event.content {
            let trade = (id: id, level: PriceLevel(price: price, quantity: quantity))
            if let taker, taker.event.due == event.due, taker.aggressor == aggressor {
                self.taker?.trades.append(trade)
                return
            }
            endTaker(&frames)
            let (published, sent) = clock.trade(at: event.due)
            taker = Taker(trades: [trade], aggressor: aggressor, event: event, published: published, sent: sent)
            return
        }
        endTaker(&frames)
        switch event.content {
        case .depth(let change):
            var message = SBEMessage(.depth, reserving: 16 * (change.bids.count + change.asks.count) + 32)
            for number in [event.time.microseconds, change.firstID, change.lastID] { message.append(number) }
            appendExponents(to: &message)
            message.append(change.bids)
            message.append(change.asks)
            end(message, names.depth, .depth, clock.depth(at: event.due), event, &frames)
        case .quote(let id, let bid, let ask):
            var message = SBEMessage(.bestBidAsk, reserving: 32)
            message.append(event.time.microseconds)
            message.append(id)
            appendExponents(to: &message)
            message.append(bid)
            message.append(ask)
            end(message, names.quotes, .quote, clock.quote(at: event.due), event, &frames)
        case .trade: break
        }
    }

    /// Writes the event in JSON; a depth update when 100 ms have passed.
    private mutating func encode(copyOf event: SimulatedEvent, into frames: inout [MarketFrame]) {
        guard case .depth(let change) = event.content else { return json.encode(event, into: &frames) }
        if merged == nil { merged = change } else { merged?.follow(with: change) }
        guard event.due >= nextMerged, let merged else { return }
        nextMerged = (event.due / SyntheticMarket.depthInterval + 1) * SyntheticMarket.depthInterval
        json.encode(
            SimulatedEvent(due: event.due, time: event.time, content: .depth(merged)), into: &frames)
        self.merged = nil
    }

    /// Writes the fills of the last incoming order.
    private mutating func endTaker(_ frames: inout [MarketFrame]) {
        guard let taker else { return }
        self.taker = nil
        let event = taker.event
        var message = SBEMessage(.trades, reserving: SBEMessage.tradeLength * taker.trades.count + 32)
        message.append(event.time.advanced(byNanoseconds: taker.published - event.due).microseconds)
        message.append(event.time.microseconds)
        appendExponents(to: &message)
        message.append(UInt16(SBEMessage.tradeLength))
        message.append(UInt32(taker.trades.count))
        for trade in taker.trades {
            message.append(trade.id)
            message.append(trade.level)
            message.append(UInt8(taker.aggressor == .sell ? 1 : 0))
        }
        end(message, names.trades, .trade, max(taker.sent, lastDue), event, &frames)
    }

    private func appendExponents(to message: inout SBEMessage) {
        message.append(exponents.price)
        message.append(exponents.quantity)
    }

    private func end(
        _ message: SBEMessage, _ stream: String, _ kind: StreamKind, _ due: Int64, _ event: SimulatedEvent,
        _ frames: inout [MarketFrame]
    ) {
        var message = message
        message.append(symbol: symbol)
        let bytes = message.bytes
        frames.append(
            MarketFrame(stream: stream, kind: kind, due: due, bytes: bytes, payload: 0..<bytes.count, event: event))
    }

    public mutating func sent(_ frame: MarketFrame) { lastDue = frame.due }

    public func snapshot(_ book: SimulatedBook) -> [UInt8] { json.snapshot(book) }
}

extension DepthChange {
    /// Both updates as one: the newer size at each price.
    mutating func follow(with change: DepthChange) {
        lastID = change.lastID
        bids = Self.merged(bids, change.bids).sorted { $0.price > $1.price }
        asks = Self.merged(asks, change.asks).sorted { $0.price < $1.price }
    }

    private static func merged(_ old: [PriceLevel], _ new: [PriceLevel]) -> [PriceLevel] {
        let changed = Set(new.map(\.price))
        return old.filter { !changed.contains($0.price) } + new
    }
}
