import Microstructure

/// Kraken's messages, version 2: books of 100 levels with their checksum, trades, best prices.
public struct KrakenWriter: StreamWriter {
    public static let depth: Int? = 100
    public static let announcesLoss = false

    public static func bid(at price: String) -> (mark: String, text: String)? {
        (#""bids":["#, #"{"price":\#(price),"qty":1}"#)
    }

    private let symbol: String
    private let unit: (price: Int8, quantity: Int8)
    /// Digits behind the point, as the venue writes all numbers of an instrument.
    private let decimals: (price: Int, quantity: Int)

    public init(_ listing: Listing) {
        symbol = Self.symbol(of: listing)
        unit = (listing.priceUnit.exponent, listing.quantityUnit.exponent)
        decimals = (max(0, -Int(unit.price)), max(0, -Int(unit.quantity)))
    }

    /// `BTC/USDT`.
    public static func symbol(of listing: Listing) -> String { "\(listing.baseAsset)/\(listing.quoteAsset)" }

    public func depth(_ change: DepthChange, at time: Timestamp, after book: borrowing OrderBook) -> [[UInt8]] {
        [message("update", change.bids, change.asks, checksum(of: book), time)]
    }

    public func snapshot(_ book: SimulatedBook, at time: Timestamp) -> [UInt8] {
        var checksum = CRC32()
        for level in book.asks.prefix(10) { add(level, to: &checksum) }
        for level in book.bids.prefix(10) { add(level, to: &checksum) }
        return message("snapshot", book.bids, book.asks, checksum.value, time)
    }

    private func message(
        _ type: String, _ bids: [PriceLevel], _ asks: [PriceLevel], _ checksum: UInt32, _ time: Timestamp
    ) -> [UInt8] {
        var text = Array(#"{"channel":"book","type":"\#(type)","data":[{"symbol":"\#(symbol)","bids":["#.utf8)
        append(bids, to: &text)
        text.append(contentsOf: #"],"asks":["#.utf8)
        append(asks, to: &text)
        text.append(contentsOf: #"],"checksum":\#(checksum),"timestamp":""#.utf8)
        ISO8601.append(time, decimals: 6, to: &text)
        text.append(contentsOf: #""}]}"#.utf8)
        return text
    }

    private func append(_ levels: [PriceLevel], to text: inout [UInt8]) {
        for (rank, level) in levels.enumerated() {
            text.append(contentsOf: (rank == 0 ? #"{"price":"# : #",{"price":"#).utf8)
            append(level.price, to: &text)
            text.append(contentsOf: #","qty":"#.utf8)
            append(level.quantity, to: &text)
            text.append(UInt8(ascii: "}"))
        }
    }

    private func append(_ price: Price, to text: inout [UInt8]) {
        DecimalText.append(price.mantissa, exponent: unit.price, decimals: decimals.price, to: &text)
    }

    private func append(_ quantity: Quantity, to text: inout [UInt8]) {
        DecimalText.append(quantity.mantissa, exponent: unit.quantity, decimals: decimals.quantity, to: &text)
    }

    private func checksum(of book: borrowing OrderBook) -> UInt32 {
        var checksum = CRC32()
        for rank in 0..<min(10, book.asks.count) { add(book.asks[rank], to: &checksum) }
        for rank in 0..<min(10, book.bids.count) { add(book.bids[rank], to: &checksum) }
        return checksum.value
    }

    /// Both numbers as they are written, without the point and the zeros before the first digit.
    private func add(_ level: PriceLevel, to checksum: inout CRC32) {
        var number: [UInt8] = []
        append(level.price, to: &number)
        add(number, to: &checksum)
        number.removeAll(keepingCapacity: true)
        append(level.quantity, to: &number)
        add(number, to: &checksum)
    }

    private func add(_ number: [UInt8], to checksum: inout CRC32) {
        let digits = number.filter { $0 != UInt8(ascii: ".") }
        for digit in digits.drop(while: { $0 == UInt8(ascii: "0") }) { checksum.combine(digit) }
    }

    public func trade(
        id: Int64, price: Price, quantity: Quantity, aggressor: AggressorSide, at time: Timestamp
    ) -> [UInt8] {
        let side = aggressor == .buy ? "buy" : "sell"
        var text = Array(
            #"{"channel":"trade","type":"update","data":[{"symbol":"\#(symbol)","side":"\#(side)","price":"#.utf8)
        append(price, to: &text)
        text.append(contentsOf: #","qty":"#.utf8)
        append(quantity, to: &text)
        text.append(contentsOf: #","ord_type":"market","trade_id":\#(id),"timestamp":""#.utf8)
        ISO8601.append(time, decimals: 6, to: &text)
        text.append(contentsOf: #""}]}"#.utf8)
        return text
    }

    public func quote(updateID: Int64, bid: PriceLevel, ask: PriceLevel, at time: Timestamp) -> [UInt8]? {
        var text = Array(#"{"channel":"ticker","type":"update","data":[{"symbol":"\#(symbol)","bid":"#.utf8)
        append(bid.price, to: &text)
        text.append(contentsOf: #","bid_qty":"#.utf8)
        append(bid.quantity, to: &text)
        text.append(contentsOf: #","ask":"#.utf8)
        append(ask.price, to: &text)
        text.append(contentsOf: #","ask_qty":"#.utf8)
        append(ask.quantity, to: &text)
        text.append(contentsOf: #","timestamp":""#.utf8)
        ISO8601.append(time, decimals: 6, to: &text)
        text.append(contentsOf: #""}]}"#.utf8)
        return text
    }

    /// The name of a pair over HTTP, as the venue's older services spell it: `XBTUSDT`.
    public static func pairName(of listing: Listing) -> String {
        [listing.baseAsset, listing.quoteAsset].map { $0 == "BTC" ? "XBT" : $0 == "DOGE" ? "XDG" : $0 }.joined()
    }

    /// The answer to a request for trades since a time, in ns, oldest first.
    public static func trades(_ history: TradeHistory, of pair: String, since: Int64, limit: Int) -> [UInt8] {
        let listed = history.newest(.max) { $0.milliseconds >= since / 1_000_000 }.reversed().prefix(limit)
        let rows = listed.map { trade in
            let (second, rest) = trade.milliseconds.quotientAndRemainder(dividingBy: 1_000)
            let time = "\(second).\(String(rest + 1_000).dropFirst())"
            return """
                ["\(trade.priceText)","\(trade.quantityText)",\(time),"\(trade.aggressor == .buy ? "b" : "s")","m","",\(trade.id)]
                """
        }
        let last = (listed.last?.milliseconds ?? since / 1_000_000) * 1_000_000
        return Array(
            #"{"error":[],"result":{"\#(pair)":[\#(rows.joined(separator: ","))],"last":"\#(last)"}}"#.utf8)
    }
}
