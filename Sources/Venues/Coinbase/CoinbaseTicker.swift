import Microstructure

/// The best prices of a ticker, member by member in any order.
struct CoinbaseTicker {
    /// The instrument's; −1 if it is not known.
    var index = -1
    /// The product's count of messages; −1 on a feed without one.
    private(set) var sequence: Int64 = -1
    private(set) var venueTime: Timestamp?
    private var bid: JSONScanner?
    private var bidSize: JSONScanner?
    private var ask: JSONScanner?
    private var askSize: JSONScanner?

    /// Reads the value of `key`.
    mutating func read(_ key: JSONString, _ scanner: inout JSONScanner) throws(ScanError) {
        if scanner.equals(key, "sequence") {
            sequence = max(-1, try scanner.wholeNumber() ?? -1)
        } else if scanner.equals(key, "time") {
            venueTime = try scanner.timeIfValid()
        } else {
            if scanner.equals(key, "best_bid") {
                bid = scanner
            } else if scanner.equals(key, "best_bid_size") || scanner.equals(key, "best_bid_quantity") {
                bidSize = scanner
            } else if scanner.equals(key, "best_ask") {
                ask = scanner
            } else if scanner.equals(key, "best_ask_size") || scanner.equals(key, "best_ask_quantity") {
                askSize = scanner
            }
            try scanner.skipValue()
        }
    }

    /// Adds the quote; without prices or sizes the ticker is not one. Exchange sent no sizes before 2022, and there are no
    /// prices before a product's first trade.
    func append(to message: inout VenueMessage, _ scale: PriceScale, _ times: EventTimes) throws(ScanError) {
        guard let bid, let bidSize, let ask, let askSize else {
            message.note = .unknownEvent
            return
        }
        message.quotes.append(
            Quote(
                instrument: InstrumentID(index), times: times, updateID: sequence,
                bid: try Self.level(bid, bidSize, scale), ask: try Self.level(ask, askSize, scale)))
    }

    /// A side without orders has no price: zero.
    private static func level(
        _ price: JSONScanner, _ size: JSONScanner, _ scale: PriceScale
    ) throws(ScanError) -> PriceLevel {
        var (price, size) = (price, size)
        return PriceLevel(
            price: Price(try price.decimalIfValid(exponent: scale.price) ?? 0),
            quantity: Quantity(max(0, try size.decimalIfValid(exponent: scale.quantity) ?? 0)))
    }
}
