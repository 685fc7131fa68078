import Microstructure

/// Deribit's notifications: whole books, then rows that say whether a level is new, changed or gone, chained by
/// `prev_change_id`; trades with contiguous numbers; best prices. Numbers are bare, with a digit behind the point at least.
///
/// A market in dollars is served as the inverse perpetual (`BTC-PERPETUAL`), whose amounts are dollars: one for each step
/// of the market's sizes. Others are linear (`BTC_USDC-PERPETUAL`).
public struct DeribitWriter: StreamWriter {
    public static let depth: Int? = nil
    public static let announcesLoss = true

    private let listing: Listing
    private let symbol: String
    private let numbers: NumberWriter
    /// Units of a size in one contract.
    private let contractStep: Int64
    /// The id of the book's state after the last change written.
    private var last: Int64 = 0
    /// Prices that have a level after it.
    private var bids: Set<Price> = []
    private var asks: Set<Price> = []

    public init(_ listing: Listing) {
        self.listing = listing
        symbol = Self.symbol(of: listing)
        let own = Self.contracts(listing)
        numbers = NumberWriter(own)
        contractStep = own.quantityUnit.step
    }

    public static func symbol(of listing: Listing) -> String {
        isInverse(listing) ? "\(listing.baseAsset)-PERPETUAL" : "\(listing.baseAsset)_\(listing.quoteAsset)-PERPETUAL"
    }

    public static func isInverse(_ listing: Listing) -> Bool { listing.quoteAsset == "USD" }

    /// The market with the venue's sizes.
    public static func contracts(_ listing: Listing) -> Listing {
        isInverse(listing) ? listing.inContracts : listing
    }

    public mutating func begin(with book: borrowing OrderBook) {
        last = book.updateID
        for rank in 0..<book.bids.count { bids.insert(book.bids[rank].price) }
        for rank in 0..<book.asks.count { asks.insert(book.asks[rank].price) }
    }

    // MARK: Books

    public mutating func depth(
        _ change: DepthChange, at time: Timestamp, after book: borrowing OrderBook
    ) -> [[UInt8]] {
        defer { last = change.lastID }
        let rows = (Self.rows(change.bids, &bids, numbers), Self.rows(change.asks, &asks, numbers))
        return [message("change", rows, #""prev_change_id":\#(last),"#, change.lastID, time)]
    }

    public func snapshot(_ book: SimulatedBook, at time: Timestamp) -> [UInt8] {
        var none: (Set<Price>, Set<Price>) = ([], [])
        let rows = (Self.rows(book.bids, &none.0, numbers), Self.rows(book.asks, &none.1, numbers))
        return message("snapshot", rows, "", book.updateID, time)
    }

    private func message(
        _ type: String, _ rows: (bids: String, asks: String), _ previous: String, _ id: Int64, _ time: Timestamp
    ) -> [UInt8] {
        notification(
            "book.\(symbol).100ms",
            """
            {"type":"\(type)","timestamp":\(time.milliseconds),\(previous)"instrument_name":"\(symbol)",\
            "change_id":\(id),"bids":[\(rows.bids)],"asks":[\(rows.asks)]}
            """)
    }

    /// A level that came and went since the last message has no row.
    ///
    /// - Parameter known: prices that have a level.
    private static func rows(_ levels: [PriceLevel], _ known: inout Set<Price>, _ numbers: NumberWriter) -> String {
        levels.compactMap { level in
            let action: String
            if level.quantity == .zero {
                guard known.remove(level.price) != nil else { return nil }
                action = "delete"
            } else {
                action = known.insert(level.price).inserted ? "new" : "change"
            }
            return #"["\#(action)",\#(numbers.float(level.price)),\#(numbers.float(level.quantity))]"#
        }.joined(separator: ",")
    }

    private func notification(_ channel: String, _ data: String) -> [UInt8] {
        Array(
            #"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"\#(channel)","data":\#(data)}}"#.utf8)
    }

    // MARK: Trades and best prices

    public func trade(
        id: Int64, price: Price, quantity: Quantity, aggressor: AggressorSide, at time: Timestamp
    ) -> [UInt8] {
        notification("trades.\(symbol).100ms", "[\(row(id, price, quantity, aggressor, time))]")
    }

    /// The mark and the index are the trade's price.
    private func row(
        _ id: Int64, _ price: Price, _ quantity: Quantity, _ aggressor: AggressorSide, _ time: Timestamp
    ) -> String {
        let priceText = numbers.float(price)
        return """
            {"timestamp":\(time.milliseconds),"price":\(priceText),"amount":\(numbers.float(quantity)),\
            "direction":"\(aggressor == .buy ? "buy" : "sell")","index_price":\(priceText),\
            "instrument_name":"\(symbol)","trade_seq":\(id),"mark_price":\(priceText),"tick_direction":1,\
            "contracts":\(NumberWriter.float(quantity.mantissa / contractStep, 0)),"trade_id":"\(id)"}
            """
    }

    /// The result of a request for trades from the number `first` on, oldest first.
    public func trades(_ history: TradeHistory, from first: Int64, limit: Int) -> String {
        let found = history.from(first, limit: limit)
        let rows = found.trades.compactMap { trade in
            trade.numbers(listing).map { row(trade.id, $0.price, $0.quantity, trade.aggressor, trade.time) }
        }
        return #"{"has_more":\#(found.hasMore),"trades":[\#(rows.joined(separator: ","))]}"#
    }

    public func quote(updateID: Int64, bid: PriceLevel, ask: PriceLevel, at time: Timestamp) -> [UInt8]? {
        notification(
            "quote.\(symbol)",
            """
            {"timestamp":\(time.milliseconds),"instrument_name":"\(symbol)","best_ask_price":\(numbers.float(ask.price)),\
            "best_bid_price":\(numbers.float(bid.price)),"best_ask_amount":\(numbers.float(ask.quantity)),\
            "best_bid_amount":\(numbers.float(bid.quantity))}
            """)
    }
}
