import Microstructure

/// Bitfinex's messages without the channel's number before and the counter behind them, which are the connection's: books
/// of 100 levels, a message a level, then the checksum; trades.
public struct BitfinexWriter: StreamWriter {
    public static let depth: Int? = 100
    public static let announcesLoss = true
    public static let sendsLevelsSingly = true

    private let numbers: NumberWriter

    public init(_ listing: Listing) { numbers = NumberWriter(listing) }

    /// `tBTCUST`: USDT is UST here, and longer names are parted by a colon.
    public static func symbol(of listing: Listing) -> String {
        let base = listing.baseAsset == "USDT" ? "UST" : listing.baseAsset
        let quote = listing.quoteAsset == "USDT" ? "UST" : listing.quoteAsset
        return base.utf8.count > 3 || quote.utf8.count > 3 ? "t\(base):\(quote)" : "t\(base)\(quote)"
    }

    public func depth(_ change: DepthChange, at time: Timestamp, after book: borrowing OrderBook) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        for level in change.bids { messages.append(Array(row(level, isBid: true).utf8)) }
        for level in change.asks { messages.append(Array(row(level, isBid: false).utf8)) }
        messages.append(Array(#""cs",\#(checksum(of: book))"#.utf8))
        return messages
    }

    public func snapshot(_ book: SimulatedBook, at time: Timestamp) -> [UInt8] {
        let rows = book.bids.map { row($0, isBid: true) } + book.asks.map { row($0, isBid: false) }
        return Array("[\(rows.joined(separator: ","))]".utf8)
    }

    /// `[price, orders, amount]`: negative amounts are asks; no orders, and an amount of one, where the level is gone.
    private func row(_ level: PriceLevel, isBid: Bool) -> String {
        guard level.quantity != .zero else { return "[\(number(level.price)),0,\(isBid ? 1 : -1)]" }
        return "[\(number(level.price)),1,\(isBid ? "" : "-")\(number(level.quantity))]"
    }

    private func number(_ price: Price) -> String { Self.text(price.mantissa, numbers.price) }
    private func number(_ quantity: Quantity) -> String { Self.text(quantity.mantissa, numbers.quantity) }

    /// A number as JavaScript writes it: with an exponent below 10⁻⁶.
    static func text(_ mantissa: Int64, _ exponent: Int8) -> String {
        var (mantissa, exponent) = (mantissa, Int(exponent))
        while mantissa != 0, mantissa % 10 == 0 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
        let digits = String(mantissa)
        let power = exponent + digits.utf8.count - 1
        guard power < -6, mantissa != 0 else {
            var text: [UInt8] = []
            DecimalText.append(mantissa, exponent: Int8(clamping: exponent), to: &text)
            return String(decoding: text, as: UTF8.self)
        }
        let rest = digits.dropFirst()
        return digits.prefix(1) + (rest.isEmpty ? "" : "." + rest) + "e\(power)"
    }

    /// CRC-32 over the best 25 levels, a bid and an ask in turn, price and amount each.
    private func checksum(of book: borrowing OrderBook) -> Int32 {
        var parts: [String] = []
        for rank in 0..<25 {
            if rank < book.bids.count {
                let level = book.bids[rank]
                parts += [number(level.price), number(level.quantity)]
            }
            if rank < book.asks.count {
                let level = book.asks[rank]
                parts += [number(level.price), "-" + number(level.quantity)]
            }
        }
        var checksum = CRC32()
        for byte in parts.joined(separator: ":").utf8 { checksum.combine(byte) }
        return Int32(bitPattern: checksum.value)
    }

    public func trade(
        id: Int64, price: Price, quantity: Quantity, aggressor: AggressorSide, at time: Timestamp
    ) -> [UInt8] {
        let sign = aggressor == .buy ? "" : "-"
        return Array(#""te",[\#(id),\#(time.milliseconds),\#(sign)\#(number(quantity)),\#(number(price))]"#.utf8)
    }

    public func quote(updateID: Int64, bid: PriceLevel, ask: PriceLevel, at time: Timestamp) -> [UInt8]? { nil }

    /// The answer to a request for the newest trades since a time in ms, newest first.
    public static func trades(_ history: TradeHistory, since milliseconds: Int64, limit: Int) -> [UInt8] {
        let rows = history.newest(limit) { $0.milliseconds >= milliseconds }.map { trade in
            "[\(trade.id),\(trade.milliseconds),\(trade.aggressor == .buy ? "" : "-")\(trade.quantityText),\(trade.priceText)]"
        }
        return Array("[\(rows.joined(separator: ","))]".utf8)
    }
}
