import Microstructure

/// Bitstamp's messages: changes of all levels, trades; the whole book over HTTP. Their order is told by microtimestamps.
public struct BitstampWriter: StreamWriter {
    public static let depth: Int? = nil
    public static let announcesLoss = true

    public static func bid(at price: String) -> (mark: String, text: String)? {
        (#""bids":["#, #"["\#(price)","1"]"#)
    }

    private let symbol: String
    private let numbers: NumberWriter

    public init(_ listing: Listing) {
        symbol = Self.symbol(of: listing)
        numbers = NumberWriter(listing)
    }

    /// `btcusdt`.
    public static func symbol(of listing: Listing) -> String { listing.symbol.lowercased() }

    public func depth(_ change: DepthChange, at time: Timestamp, after book: borrowing OrderBook) -> [[UInt8]] {
        var text = Array(#"{"data":{"#.utf8)
        append(change.bids, change.asks, time, to: &text)
        text.append(contentsOf: #"},"channel":"diff_order_book_\#(symbol)","event":"data"}"#.utf8)
        return [text]
    }

    public func snapshot(_ book: SimulatedBook, at time: Timestamp) -> [UInt8] {
        var text = Array("{".utf8)
        append(book.bids, book.asks, time, to: &text)
        text.append(UInt8(ascii: "}"))
        return text
    }

    private func append(_ bids: [PriceLevel], _ asks: [PriceLevel], _ time: Timestamp, to text: inout [UInt8]) {
        text.append(
            contentsOf:
                #""timestamp":"\#(time.milliseconds / 1_000)","microtimestamp":"\#(time.microseconds)","bids":["#.utf8)
        numbers.append(bids, to: &text)
        text.append(contentsOf: #"],"asks":["#.utf8)
        numbers.append(asks, to: &text)
        text.append(UInt8(ascii: "]"))
    }

    public func trade(
        id: Int64, price: Price, quantity: Quantity, aggressor: AggressorSide, at time: Timestamp
    ) -> [UInt8] {
        let (price, size) = (numbers.text(price), numbers.text(quantity))
        return Array(
            """
            {"data":{"id":\(id),"timestamp":"\(time.milliseconds / 1_000)","amount":\(size),"amount_str":"\(size)",\
            "price":\(price),"price_str":"\(price)","type":\(aggressor == .buy ? 0 : 1),\
            "microtimestamp":"\(time.microseconds)","buy_order_id":\(2 * id),"sell_order_id":\(2 * id + 1)},\
            "channel":"live_trades_\(symbol)","event":"trade"}
            """.utf8)
    }

    public func quote(updateID: Int64, bid: PriceLevel, ask: PriceLevel, at time: Timestamp) -> [UInt8]? { nil }

    /// The answer to a request for the trades since a second, newest first.
    public static func trades(_ history: TradeHistory, since second: Int64) -> [UInt8] {
        let rows = history.newest(.max) { $0.milliseconds >= second * 1_000 }.map { trade in
            """
            {"date":"\(trade.milliseconds / 1_000)","tid":"\(trade.id)","amount":"\(trade.quantityText)",\
            "price":"\(trade.priceText)","type":"\(trade.aggressor == .buy ? 0 : 1)"}
            """
        }
        return Array("[\(rows.joined(separator: ","))]".utf8)
    }
}
