import Microstructure

/// Kraken's messages of perpetual contracts paid in dollars: whole books, then a message a level with the product's next
/// number; trades whose numbers are contiguous. Numbers are bare, with a digit behind the point at least.
public struct KrakenFuturesWriter: StreamWriter {
    public static let depth: Int? = nil
    public static let announcesLoss = true
    /// Trades sent again to a new subscriber.
    private static let pastTrades = 100

    private let listing: Listing
    private let symbol: String
    private let numbers: NumberWriter
    private var messages = MessageNumbers(after: 5_000_000)

    public init(_ listing: Listing) {
        self.listing = listing
        symbol = Self.symbol(of: listing)
        numbers = NumberWriter(listing)
    }

    /// `PF_XBTUSD`.
    public static func symbol(of listing: Listing) -> String {
        "PF_\(asset(listing.baseAsset))\(asset(listing.quoteAsset))"
    }

    /// Bitcoin is XBT here.
    public static func asset(_ name: String) -> String { name == "BTC" ? "XBT" : name }

    public mutating func depth(
        _ change: DepthChange, at time: Timestamp, after book: borrowing OrderBook
    ) -> [[UInt8]] {
        var texts: [[UInt8]] = []
        for (side, levels) in [("buy", change.bids), ("sell", change.asks)] {
            for level in levels {
                texts.append(
                    Array(
                        """
                        {"feed":"book","product_id":"\(symbol)","side":"\(side)","seq":\(messages.next()),\
                        "price":\(numbers.float(level.price)),"qty":\(numbers.float(level.quantity)),\
                        "timestamp":\(time.milliseconds)}
                        """.utf8))
            }
        }
        messages.note(change.lastID)
        return texts
    }

    public func snapshot(_ book: SimulatedBook, at time: Timestamp) -> [UInt8] {
        Array(
            """
            {"feed":"book_snapshot","product_id":"\(symbol)","timestamp":\(time.milliseconds),\
            "seq":\(messages.number(at: book.updateID)),"tickSize":null,"bids":[\(rows(book.bids))],\
            "asks":[\(rows(book.asks))]}
            """.utf8)
    }

    private func rows(_ levels: [PriceLevel]) -> String {
        levels.map { #"{"price":\#(numbers.float($0.price)),"qty":\#(numbers.float($0.quantity))}"# }
            .joined(separator: ",")
    }

    public func trade(
        id: Int64, price: Price, quantity: Quantity, aggressor: AggressorSide, at time: Timestamp
    ) -> [UInt8] { Array(row(id, price, quantity, aggressor, time).utf8) }

    private func row(
        _ id: Int64, _ price: Price, _ quantity: Quantity, _ aggressor: AggressorSide, _ time: Timestamp
    ) -> String {
        """
        {"feed":"trade","product_id":"\(symbol)","uid":"\(Self.uid(id))","side":"\(aggressor == .buy ? "buy" : "sell")",\
        "type":"fill","seq":\(id),"time":\(time.milliseconds),"qty":\(numbers.float(quantity)),\
        "price":\(numbers.float(price))}
        """
    }

    /// A name of the form of the venue's, made from the number.
    private static func uid(_ id: Int64) -> String {
        let digits = String(id, radix: 16)
        return "00000000-0000-4000-8000-" + String(repeating: "0", count: max(0, 12 - digits.utf8.count)) + digits
    }

    /// The newest trades before a subscription, newest first.
    public func pastTrades(_ history: TradeHistory) -> [UInt8] {
        let rows = history.newest(Self.pastTrades).compactMap { trade in
            trade.numbers(listing).map { row(trade.id, $0.price, $0.quantity, trade.aggressor, trade.time) }
        }
        return Array(
            #"{"feed":"trade_snapshot","product_id":"\#(symbol)","trades":[\#(rows.joined(separator: ","))]}"#.utf8)
    }

    /// Nil: the venue's `ticker` comes once a second and is older than the book.
    public func quote(updateID: Int64, bid: PriceLevel, ask: PriceLevel, at time: Timestamp) -> [UInt8]? { nil }
}
