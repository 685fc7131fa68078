import Microstructure

/// Coinbase Advanced's frames without the connection's counter, which `numbered` adds: whole books and their changes, both
/// sides in one list; trades with the maker's side; best prices with the first change of them after a trade.
public struct CoinbaseAdvancedWriter: StreamWriter {
    public static let depth: Int? = nil
    public static let announcesLoss = true
    /// Trades sent again to a new subscriber.
    private static let pastTrades = 100

    private let listing: Listing
    private let symbol: String
    private let numbers: NumberWriter
    /// Of a trade whose best prices have not been sent.
    private var tradedPrice: Price?

    public init(_ listing: Listing) {
        self.listing = listing
        symbol = CoinbaseWriter.symbol(of: listing)
        numbers = NumberWriter(listing)
    }

    /// A frame with its number, which stands before the events.
    public static func numbered(_ frame: [UInt8], _ number: Int) -> [UInt8] {
        guard let events = frame.firstRange(of: Array(#""events":"#.utf8)) else { return frame }
        return frame[..<events.lowerBound] + Array(#""sequence_num":\#(number),"#.utf8) + frame[events.lowerBound...]
    }

    /// - Parameter names: of the client: frames of books name none.
    public static func frame(_ channel: String, _ events: String, at time: Timestamp, names: Bool = true) -> [UInt8] {
        let client = names ? #""client_id":"","# : ""
        return Array(
            #"{"channel":"\#(channel)",\#(client)"timestamp":"\#(time.isoText)","events":[\#(events)]}"#.utf8)
    }

    // MARK: Books

    public func depth(_ change: DepthChange, at time: Timestamp, after book: borrowing OrderBook) -> [[UInt8]] {
        [message("update", change.bids, change.asks, time)]
    }

    public func snapshot(_ book: SimulatedBook, at time: Timestamp) -> [UInt8] {
        message("snapshot", book.bids, book.asks, time)
    }

    private func message(
        _ type: String, _ bids: [PriceLevel], _ asks: [PriceLevel], _ time: Timestamp
    ) -> [UInt8] {
        let text = time.isoText
        let rows = [("bid", bids), ("offer", asks)].flatMap { side, levels in
            levels.map { level in
                """
                {"side":"\(side)","event_time":"\(text)","price_level":"\(numbers.text(level.price))",\
                "new_quantity":"\(numbers.text(level.quantity))"}
                """
            }
        }
        return Self.frame(
            "l2_data", #"{"type":"\#(type)","product_id":"\#(symbol)","updates":[\#(rows.joined(separator: ","))]}"#,
            at: time, names: false)
    }

    // MARK: Trades and best prices

    public mutating func trade(
        id: Int64, price: Price, quantity: Quantity, aggressor: AggressorSide, at time: Timestamp
    ) -> [UInt8] {
        tradedPrice = price
        return Self.trades("update", row(id, price, quantity, aggressor, time), time)
    }

    private static func trades(_ type: String, _ rows: String, _ time: Timestamp) -> [UInt8] {
        frame("market_trades", #"{"type":"\#(type)","trades":[\#(rows)]}"#, at: time)
    }

    private func row(
        _ id: Int64, _ price: Price, _ quantity: Quantity, _ aggressor: AggressorSide, _ time: Timestamp
    ) -> String {
        """
        {"product_id":"\(symbol)","trade_id":"\(id)","price":"\(numbers.text(price))",\
        "size":"\(numbers.text(quantity))","time":"\(time.isoText)","side":"\(aggressor == .buy ? "SELL" : "BUY")"}
        """
    }

    /// The newest trades before a subscription, newest first.
    public func pastTrades(_ history: TradeHistory, at time: Timestamp) -> [UInt8] {
        let rows = history.newest(Self.pastTrades).compactMap { trade in
            trade.numbers(listing).map { row(trade.id, $0.price, $0.quantity, trade.aggressor, trade.time) }
        }
        return Self.trades("snapshot", rows.joined(separator: ","), time)
    }

    public mutating func quote(
        updateID: Int64, bid: PriceLevel, ask: PriceLevel, at time: Timestamp
    ) -> [UInt8]? {
        guard let price = tradedPrice else { return nil }
        tradedPrice = nil
        return Self.frame(
            "ticker",
            """
            {"type":"update","tickers":[{"type":"ticker","product_id":"\(symbol)","price":"\(numbers.text(price))",\
            "volume_24_h":"0","low_24_h":"0","high_24_h":"0","low_52_w":"0","high_52_w":"0",\
            "price_percent_chg_24_h":"0","best_bid":"\(numbers.text(bid.price))",\
            "best_bid_quantity":"\(numbers.text(bid.quantity))","best_ask":"\(numbers.text(ask.price))",\
            "best_ask_quantity":"\(numbers.text(ask.quantity))"}]}
            """, at: time)
    }
}
