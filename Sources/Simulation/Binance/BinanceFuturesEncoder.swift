import Microstructure

/// Writes a market's events as the messages of Binance's futures: depth updates chained by `pu`, whose bids come worst first,
/// quotes with times, trades with a kind; and on the market's other connection aggregates and mark prices.
///
/// Update ids are of the whole market, so `U` is not always one above `pu`.
public struct BinanceFuturesEncoder: MarketEncoder {
    /// One trade in so many is with a retail order (RPI).
    private static let retailShare: Int64 = 64
    private static let fundingInterval: Int64 = 28_800_000_000_000
    private static let markInterval: Int64 = 1_000_000_000

    private let market: BinanceFutures
    private let names: (depth: String, trade: String, quote: String, aggregate: String, mark: String)
    private let symbol: String
    /// The end of `s` and, where the venue sends it, `ps`.
    private let pair: String
    private let numbers: BinanceFuturesNumbers
    private var clock: ArrivalClock
    private var lastID: Int64?
    private var lastTime: Timestamp
    /// Trades of one taker at one price, not yet written as an aggregate.
    private var taker: Taker?
    private var aggregateID: Int64 = 0
    private var nextMark: Int64 = 0
    private var lastDue: Int64 = 0

    private struct Taker {
        let event: SimulatedEvent
        let first: Int64
        var last: Int64
        let price: Price
        var quantity: Quantity
        /// Of the quantity, what is no retail order's.
        var ordinary: Quantity
        let aggressor: AggressorSide
    }

    public init(_ market: SyntheticMarket, delays: ArrivalDelays, _ futures: BinanceFutures) {
        self.market = futures
        let listing = futures.listing(of: market.listing)
        symbol = listing.symbol
        pair = futures == .coinm ? #","ps":"\#(listing.baseAsset)USD""# : ""
        numbers = BinanceFuturesNumbers(market.listing, futures)
        clock = ArrivalClock(delays, seed: market.arrivalSeed)
        lastTime = market.startTime
        let name = listing.symbol.lowercased()
        names = (
            name + "@depth@100ms", name + "@trade", name + "@bookTicker", name + "@aggTrade", name + "@markPrice@1s"
        )
    }

    public func listing(of listing: Listing) -> Listing { market.listing(of: listing) }

    public mutating func encode(_ event: SimulatedEvent, into frames: inout [MarketFrame]) {
        let time = event.time.milliseconds
        switch event.content {
        case .depth(let change):
            let ids = Self.ids(change)
            var text = Array(
                #""e":"depthUpdate","E":\#(time),"T":\#(time),"s":"\#(symbol)"\#(pair),"U":\#(ids.first),"u":\#(ids.last),"pu":\#(lastID ?? ids.before),"b":["#
                    .utf8)
            lastID = ids.last
            numbers.append(change.bids.reversed(), to: &text)
            text.append(contentsOf: #"],"a":["#.utf8)
            numbers.append(change.asks, to: &text)
            text.append(UInt8(ascii: "]"))
            end(text, names.depth, .depth, clock.depth(at: event.due), &frames)
            lastTime = event.time
        case .trade(let id, let price, let quantity, let aggressor):
            let isRetail = id % Self.retailShare == 0
            let (published, sent) = clock.trade(at: event.due)
            let eventTime = event.time.advanced(byNanoseconds: published - event.due).milliseconds
            var text = Array(
                #""e":"trade","E":\#(eventTime),"T":\#(time),"s":"\#(symbol)","t":\#(id),"p":"#.utf8)
            numbers.append(price, to: &text)
            text.append(contentsOf: #","q":"#.utf8)
            numbers.append(quantity, at: price, to: &text)
            text.append(contentsOf: #","X":"\#(isRetail ? "RPI" : "MARKET")","m":\#(aggressor == .sell)"#.utf8)
            end(text, names.trade, .trade, sent, &frames)
            aggregate(event, id, price, quantity, aggressor, isRetail, &frames)
        case .quote(let id, let bid, let ask):
            endTaker(&frames)
            let update = id * BinanceFutures.idsPerUpdate
            var text = Array(
                (market == .usdm ? #""e":"bookTicker","u":\#(update)"# : #""u":\#(update),"e":"bookTicker""#).utf8)
            text.append(contentsOf: #","s":"\#(symbol)"\#(pair),"b":"#.utf8)
            numbers.append(bid.price, to: &text)
            text.append(contentsOf: #","B":"#.utf8)
            numbers.append(bid.quantity, at: bid.price, to: &text)
            text.append(contentsOf: #","a":"#.utf8)
            numbers.append(ask.price, to: &text)
            text.append(contentsOf: #","A":"#.utf8)
            numbers.append(ask.quantity, at: ask.price, to: &text)
            text.append(contentsOf: #","T":\#(time),"E":\#(time)"#.utf8)
            end(text, names.quote, .quote, clock.quote(at: event.due), &frames)
            mark(bid, ask, event, &frames)
        }
    }

    /// The ids of a change as the whole market counts them: the one before, the first, and the last. Which of the ids
    /// between is the first differs.
    private static func ids(_ change: DepthChange) -> (before: Int64, first: Int64, last: Int64) {
        let before = (change.firstID - 1) * BinanceFutures.idsPerUpdate
        let skipped = change.firstID % 32 == 0 ? change.firstID / 32 % 2 + 1 : 0
        return (before, before + 1 + skipped, change.lastID * BinanceFutures.idsPerUpdate)
    }

    // MARK: The market's other connection

    private mutating func aggregate(
        _ event: SimulatedEvent, _ id: Int64, _ price: Price, _ quantity: Quantity, _ aggressor: AggressorSide,
        _ isRetail: Bool, _ frames: inout [MarketFrame]
    ) {
        let ordinary = isRetail ? Quantity.zero : quantity
        if let taker, taker.event.due == event.due, taker.price == price, taker.aggressor == aggressor {
            self.taker?.last = id
            self.taker?.quantity = Quantity(taker.quantity.mantissa + quantity.mantissa)
            self.taker?.ordinary = Quantity(taker.ordinary.mantissa + ordinary.mantissa)
            return
        }
        endTaker(&frames)
        taker = Taker(
            event: event, first: id, last: id, price: price, quantity: quantity, ordinary: ordinary,
            aggressor: aggressor)
    }

    /// Writes the aggregate; `nq` is its size without retail orders.
    private mutating func endTaker(_ frames: inout [MarketFrame]) {
        guard let taker else { return }
        self.taker = nil
        aggregateID += 1
        let time = taker.event.time.milliseconds
        var text = Array(
            #""e":"aggTrade","E":\#(time),"a":\#(aggregateID),"s":"\#(symbol)","p":"#.utf8)
        numbers.append(taker.price, to: &text)
        text.append(contentsOf: #","q":"#.utf8)
        numbers.append(taker.quantity, at: taker.price, to: &text)
        text.append(contentsOf: #","nq":"#.utf8)
        numbers.append(taker.ordinary, at: taker.price, to: &text)
        text.append(
            contentsOf: #","f":\#(taker.first),"l":\#(taker.last),"T":\#(time),"m":\#(taker.aggressor == .sell)"#.utf8)
        end(text, names.aggregate, .other, max(taker.event.due, lastDue), &frames)
    }

    /// Once a second: the middle of the best prices as mark and index price, and the rate of the next funding.
    private mutating func mark(
        _ bid: PriceLevel, _ ask: PriceLevel, _ event: SimulatedEvent, _ frames: inout [MarketFrame]
    ) {
        guard event.due >= nextMark else { return }
        nextMark = (event.due / Self.markInterval + 1) * Self.markInterval
        let middle = Price((bid.price.mantissa + ask.price.mantissa) / 2)
        var text = Array(#""e":"markPriceUpdate","E":\#(event.time.milliseconds),"s":"\#(symbol)","p":"#.utf8)
        for key in [#","i":"#, #","P":"#, #","r":"0.00010000","T":"#] {
            numbers.append(middle, to: &text)
            text.append(contentsOf: key.utf8)
        }
        let funding = (event.time.bucket(width: Self.fundingInterval) + 1) * (Self.fundingInterval / 1_000_000)
        DecimalText.append(integer: funding, to: &text)
        end(text, names.mark, .other, max(event.due, lastDue), &frames)
    }

    private func end(
        _ data: [UInt8], _ stream: String, _ kind: StreamKind, _ due: Int64, _ frames: inout [MarketFrame]
    ) {
        var text = Array(#"{"stream":"\#(stream)","data":{"#.utf8)
        let start = text.count - 1
        text.append(contentsOf: data)
        text.append(contentsOf: "}}".utf8)
        frames.append(
            MarketFrame(stream: stream, kind: kind, due: due, bytes: text, payload: start..<text.count - 1))
    }

    public mutating func sent(_ frame: MarketFrame) { lastDue = frame.due }

    public func snapshot(_ book: SimulatedBook) -> [UInt8] {
        let time = lastTime.milliseconds
        let id = book.updateID * BinanceFutures.idsPerUpdate
        var text = Array(#"{"lastUpdateId":\#(id),"E":\#(time),"T":\#(time),"bids":["#.utf8)
        numbers.append(book.bids, to: &text)
        text.append(contentsOf: #"],"asks":["#.utf8)
        numbers.append(book.asks, to: &text)
        text.append(contentsOf: "]}".utf8)
        return text
    }
}
