import Microstructure

/// Bybit's messages: books of 50 levels whose `u` grows by one, trades, and the best prices as a book of one level.
public struct BybitWriter: StreamWriter {
    public static let depth: Int? = 50
    public static let announcesLoss = true

    public static func bid(at price: String) -> (mark: String, text: String)? {
        (#""b":["#, #"["\#(price)","1"]"#)
    }

    private let symbol: String
    private let numbers: NumberWriter
    private var changes = MessageNumbers(after: 1_000)

    public init(_ listing: Listing) {
        symbol = Self.symbol(of: listing)
        numbers = NumberWriter(listing)
    }

    /// `BTCUSDT`.
    public static func symbol(of listing: Listing) -> String { listing.symbol }

    public mutating func depth(
        _ change: DepthChange, at time: Timestamp, after book: borrowing OrderBook
    ) -> [[UInt8]] {
        let number = changes.next()
        changes.note(change.lastID)
        return [message("50", "delta", change.bids, change.asks, number, change.lastID, time)]
    }

    public func snapshot(_ book: SimulatedBook, at time: Timestamp) -> [UInt8] {
        message(
            "50", "snapshot", book.bids, book.asks, changes.number(at: book.updateID), book.updateID, time)
    }

    private func message(
        _ depth: String, _ type: String, _ bids: [PriceLevel], _ asks: [PriceLevel], _ number: Int64, _ sequence: Int64,
        _ time: Timestamp
    ) -> [UInt8] {
        var text = Array(
            """
            {"topic":"orderbook.\(depth).\(symbol)","ts":\(time.milliseconds),"type":"\(type)","data":{"s":"\(symbol)","b":[
            """.utf8)
        numbers.append(bids, to: &text)
        text.append(contentsOf: #"],"a":["#.utf8)
        numbers.append(asks, to: &text)
        text.append(contentsOf: #"],"u":\#(number),"seq":\#(sequence)},"cts":\#(time.milliseconds)}"#.utf8)
        return text
    }

    public func trade(
        id: Int64, price: Price, quantity: Quantity, aggressor: AggressorSide, at time: Timestamp
    ) -> [UInt8] {
        Array(
            """
            {"topic":"publicTrade.\(symbol)","type":"snapshot","ts":\(time.milliseconds),"data":[{"T":\(time.milliseconds),\
            "s":"\(symbol)","S":"\(aggressor == .buy ? "Buy" : "Sell")","v":"\(numbers.text(quantity))",\
            "p":"\(numbers.text(price))","L":"ZeroPlusTick","i":"\(id)","BT":false,"seq":\(id)}]}
            """.utf8)
    }

    public func quote(updateID: Int64, bid: PriceLevel, ask: PriceLevel, at time: Timestamp) -> [UInt8]? {
        message("1", "snapshot", [bid], [ask], updateID, updateID, time)
    }

    /// The rows of the newest trades, newest first.
    public static func trades(_ history: TradeHistory, of symbol: String, limit: Int) -> [UInt8] {
        let rows = history.newest(limit).map { trade in
            """
            {"execId":"\(trade.id)","symbol":"\(symbol)","price":"\(trade.priceText)","size":"\(trade.quantityText)",\
            "side":"\(trade.aggressor == .buy ? "Buy" : "Sell")","time":"\(trade.milliseconds)","isBlockTrade":false}
            """
        }
        return Array(rows.joined(separator: ",").utf8)
    }
}
