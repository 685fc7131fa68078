import Microstructure

/// OKX's messages: books of 400 levels chained by `seqId`, trades, best prices. Checksums are 0, as since June 2026.
public struct OKXWriter: StreamWriter {
    public static let depth: Int? = 400
    public static let announcesLoss = true

    public static func bid(at price: String) -> (mark: String, text: String)? {
        (#""bids":["#, #"["\#(price)","1","0","1"]"#)
    }

    private let symbol: String
    private let numbers: NumberWriter
    /// The id of the last change written.
    private var last: Int64?

    public init(_ listing: Listing) {
        symbol = Self.symbol(of: listing)
        numbers = NumberWriter(listing)
    }

    /// `BTC-USDT`.
    public static func symbol(of listing: Listing) -> String { "\(listing.baseAsset)-\(listing.quoteAsset)" }

    public mutating func depth(
        _ change: DepthChange, at time: Timestamp, after book: borrowing OrderBook
    ) -> [[UInt8]] {
        defer { last = change.lastID }
        return [message("update", change.bids, change.asks, last ?? change.firstID - 1, change.lastID, time)]
    }

    public func snapshot(_ book: SimulatedBook, at time: Timestamp) -> [UInt8] {
        message("snapshot", book.bids, book.asks, -1, book.updateID, time)
    }

    /// The answer over HTTP with the book of a snapshot in the stream.
    public static func answer(ofBook message: [UInt8]) -> [UInt8] {
        guard let data = message.firstRange(of: Array(#""data":"#.utf8)) else { return message }
        return Array(#"{"code":"0","msg":"","#.utf8) + message[data.lowerBound...]
    }

    private func message(
        _ action: String, _ bids: [PriceLevel], _ asks: [PriceLevel], _ previous: Int64, _ id: Int64, _ time: Timestamp
    ) -> [UInt8] {
        var text = Array(
            #"{"arg":{"channel":"books","instId":"\#(symbol)"},"action":"\#(action)","data":[{"asks":["#.utf8)
        numbers.append(asks, after: #","0","1""#, to: &text)
        text.append(contentsOf: #"],"bids":["#.utf8)
        numbers.append(bids, after: #","0","1""#, to: &text)
        text.append(
            contentsOf:
                #"],"ts":"\#(time.milliseconds)","checksum":0,"seqId":\#(id),"prevSeqId":\#(previous)}]}"#.utf8)
        return text
    }

    public func trade(
        id: Int64, price: Price, quantity: Quantity, aggressor: AggressorSide, at time: Timestamp
    ) -> [UInt8] {
        Array(
            """
            {"arg":{"channel":"trades","instId":"\(symbol)"},"data":[{"instId":"\(symbol)","tradeId":"\(id)",\
            "px":"\(numbers.text(price))","sz":"\(numbers.text(quantity))","side":"\(aggressor == .buy ? "buy" : "sell")",\
            "ts":"\(time.milliseconds)","count":"1"}]}
            """.utf8)
    }

    public func quote(updateID: Int64, bid: PriceLevel, ask: PriceLevel, at time: Timestamp) -> [UInt8]? {
        var text = Array(#"{"arg":{"channel":"bbo-tbt","instId":"\#(symbol)"},"data":[{"asks":["#.utf8)
        numbers.append([ask], after: #","0","1""#, to: &text)
        text.append(contentsOf: #"],"bids":["#.utf8)
        numbers.append([bid], after: #","0","1""#, to: &text)
        text.append(contentsOf: #"],"ts":"\#(time.milliseconds)","seqId":\#(updateID)}]}"#.utf8)
        return text
    }

    /// The answer to a request for the newest trades before `id`, newest first.
    public static func trades(_ history: TradeHistory, of symbol: String, before id: Int64?, limit: Int) -> [UInt8] {
        let rows = history.newest(limit) { trade in id.map { trade.id < $0 } ?? true }.map { trade in
            """
            {"instId":"\(symbol)","side":"\(trade.aggressor == .buy ? "buy" : "sell")","sz":"\(trade.quantityText)",\
            "px":"\(trade.priceText)","tradeId":"\(trade.id)","ts":"\(trade.milliseconds)"}
            """
        }
        return Array(#"{"code":"0","msg":"","data":[\#(rows.joined(separator: ","))]}"#.utf8)
    }
}
