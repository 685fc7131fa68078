import Microstructure

/// Writes a synthetic market's happenings as the venue's frames.
struct SyntheticFrames: Sendable {
    /// Written and not yet sent, in order of time. Holds what one step makes.
    private(set) var queue: [MarketFrame] = []

    private let listing: Listing
    private let depthStream, tradeStream, tickerStream: String
    private var nextTradeID: Int64
    /// The last id that the depth stream has shown.
    private var depthID: Int64

    init(listing: Listing, lastUpdateID: Int64, firstTradeID: Int64) {
        self.listing = listing
        let name = listing.symbol.lowercased()
        depthStream = name + "@depth@100ms"
        tradeStream = name + "@trade"
        tickerStream = name + "@bookTicker"
        depthID = lastUpdateID
        nextTradeID = firstTradeID
    }

    mutating func takeFirst() -> MarketFrame { queue.removeFirst() }

    /// All changes since the last call; nothing where there are none, as on the exchange.
    mutating func appendDepth(_ market: borrowing SyntheticBook, due: Int64, time: Int64) {
        guard market.updateID > depthID else { return }
        let bids = Set(market.changedBids).sorted(by: >)
            .map { PriceLevel(price: $0, quantity: market.book.bids.quantity(at: $0)) }
        let asks = Set(market.changedAsks).sorted()
            .map { PriceLevel(price: $0, quantity: market.book.asks.quantity(at: $0)) }
        let text = """
            {"e":"depthUpdate","E":\(time),"s":"\(listing.symbol)","U":\(depthID + 1),"u":\(market.updateID),\
            "b":\(levels(bids)),"a":\(levels(asks))}
            """
        depthID = market.updateID
        append(depthStream, .depth, due, text)
    }

    mutating func appendTrade(
        price: Price, quantity: Quantity, aggressor: AggressorSide, due: Int64, time: Int64
    ) {
        append(
            tradeStream, .trade, due,
            """
            {"e":"trade","E":\(time),"s":"\(listing.symbol)","t":\(nextTradeID),"p":"\(text(price))",\
            "q":"\(text(quantity))","T":\(time),"m":\(aggressor == .sell),"M":true}
            """)
        nextTradeID += 1
    }

    mutating func appendTicker(_ bid: PriceLevel, _ ask: PriceLevel, updateID: Int64, due: Int64) {
        append(
            tickerStream, .bookTicker, due,
            """
            {"u":\(updateID),"s":"\(listing.symbol)","b":"\(text(bid.price))","B":"\(text(bid.quantity))",\
            "a":"\(text(ask.price))","A":"\(text(ask.quantity))"}
            """)
    }

    /// The REST answer.
    func snapshot(of market: borrowing SyntheticBook, limit: Int) -> [UInt8] {
        let book = market.book
        let bids = (0..<min(limit, book.bids.count)).map { book.bids[$0] }
        let asks = (0..<min(limit, book.asks.count)).map { book.asks[$0] }
        return Array(
            #"{"lastUpdateId":\#(market.updateID),"bids":\#(levels(bids)),"asks":\#(levels(asks))}"#.utf8)
    }

    private mutating func append(_ stream: String, _ kind: StreamKind, _ due: Int64, _ payload: String) {
        let head = #"{"stream":"\#(stream)","data":"#.utf8
        var bytes: [UInt8] = []
        bytes.reserveCapacity(head.count + payload.utf8.count + 1)
        bytes.append(contentsOf: head)
        bytes.append(contentsOf: payload.utf8)
        bytes.append(UInt8(ascii: "}"))
        queue.append(
            MarketFrame(stream: stream, kind: kind, due: due, bytes: bytes, payload: head.count..<bytes.count - 1))
    }

    private func levels(_ levels: [PriceLevel]) -> String {
        "[" + levels.map { #"["\#(text($0.price))","\#(text($0.quantity))"]"# }.joined(separator: ",") + "]"
    }

    private func text(_ price: Price) -> String { text(price.mantissa * listing.tickSize) }
    private func text(_ quantity: Quantity) -> String { text(quantity.mantissa * listing.stepSize) }
    private func text(_ value: Int64) -> String { String(decoding: DecimalText.text(value), as: UTF8.self) }
}
