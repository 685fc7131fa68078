import Microstructure

/// Coinbase Exchange's messages: whole books, changes of all levels, matches with the maker's side. Its `ticker` comes
/// with matches, not with every change of the best price, so best prices are not sent.
public struct CoinbaseWriter: StreamWriter {
    public static let depth: Int? = nil
    public static let announcesLoss = true

    public static func bid(at price: String) -> (mark: String, text: String)? {
        (#""changes":["#, #"["buy","\#(price)","1"]"#)
    }

    private let symbol: String
    private let numbers: NumberWriter

    public init(_ listing: Listing) {
        symbol = Self.symbol(of: listing)
        numbers = NumberWriter(listing)
    }

    /// `BTC-USDT`.
    public static func symbol(of listing: Listing) -> String { "\(listing.baseAsset)-\(listing.quoteAsset)" }

    public func depth(_ change: DepthChange, at time: Timestamp, after book: borrowing OrderBook) -> [[UInt8]] {
        var text = Array(#"{"type":"l2update","product_id":"\#(symbol)","changes":["#.utf8)
        numbers.append(change.bids, before: #""buy","#, to: &text)
        if !change.bids.isEmpty, !change.asks.isEmpty { text.append(UInt8(ascii: ",")) }
        numbers.append(change.asks, before: #""sell","#, to: &text)
        text.append(contentsOf: #"],"time":"\#(time.isoText)"}"#.utf8)
        return [text]
    }

    public func snapshot(_ book: SimulatedBook, at time: Timestamp) -> [UInt8] {
        var text = Array(#"{"type":"snapshot","product_id":"\#(symbol)","asks":["#.utf8)
        numbers.append(book.asks, to: &text)
        text.append(contentsOf: #"],"bids":["#.utf8)
        numbers.append(book.bids, to: &text)
        text.append(contentsOf: #"],"time":"\#(time.isoText)"}"#.utf8)
        return text
    }

    public func trade(
        id: Int64, price: Price, quantity: Quantity, aggressor: AggressorSide, at time: Timestamp
    ) -> [UInt8] {
        Array(
            """
            {"type":"match","trade_id":\(id),"maker_order_id":"00000000-0000-0000-0000-000000000001",\
            "taker_order_id":"00000000-0000-0000-0000-000000000002","side":"\(aggressor == .buy ? "sell" : "buy")",\
            "size":"\(numbers.text(quantity))","price":"\(numbers.text(price))","product_id":"\(symbol)",\
            "sequence":\(id),"time":"\(time.isoText)"}
            """.utf8)
    }

    public func quote(updateID: Int64, bid: PriceLevel, ask: PriceLevel, at time: Timestamp) -> [UInt8]? { nil }

    /// The answer to a request for the venue's time.
    public static func time(_ time: Timestamp) -> [UInt8] {
        let milliseconds = String(time.milliseconds % 1_000)
        let fraction = String(repeating: "0", count: 3 - milliseconds.utf8.count) + milliseconds
        return Array(#"{"iso":"\#(time.isoText)","epoch":\#(time.milliseconds / 1_000).\#(fraction)}"#.utf8)
    }

    /// The answer to a request for trades before `id`, newest first.
    public static func trades(_ history: TradeHistory, before id: Int64?, limit: Int) -> [UInt8] {
        let rows = history.newest(limit) { trade in id.map { trade.id < $0 } ?? true }.map { trade in
            """
            {"trade_id":\(trade.id),"side":"\(trade.aggressor == .buy ? "sell" : "buy")","size":"\(trade.quantityText)",\
            "price":"\(trade.priceText)","time":"\(Timestamp(nanoseconds: trade.milliseconds * 1_000_000).isoText)"}
            """
        }
        return Array("[\(rows.joined(separator: ","))]".utf8)
    }
}
