/// Binance's answers to requests for earlier trades.
public struct BinanceTradeAnswers {
    /// Milliseconds added to the trade times.
    public var movedByMilliseconds: Int64
    /// Whether times are written in microseconds.
    public var inMicroseconds: Bool

    public init(movedByMilliseconds: Int64 = 0, inMicroseconds: Bool = false) {
        self.movedByMilliseconds = movedByMilliseconds
        self.inMicroseconds = inMicroseconds
    }

    /// Where the requested aggregates begin.
    public enum AggregateStart: Sendable {
        case newest
        /// At this aggregate id.
        case id(Int64)
        /// At this time in ms.
        case time(Int64)
    }

    private func append(milliseconds: Int64, to text: inout [UInt8]) {
        DecimalText.append(
            integer: (milliseconds + movedByMilliseconds) * (inMicroseconds ? 1_000 : 1), to: &text)
    }

    /// The answer to `GET /api/v3/historicalTrades`: at most `limit` trades from `fromID` on, or the newest trades.
    public func trades(_ history: TradeHistory, fromID: Int64?, limit: Int) -> [UInt8] {
        let records = history.records
        let start = fromID.map { id in history.firstOffset { $0.trade.id >= id } } ?? max(0, records.count - limit)
        var text: [UInt8] = [UInt8(ascii: "[")]
        for offset in start..<min(records.count, start + limit) {
            let trade = records[offset].trade
            if offset > start { text.append(UInt8(ascii: ",")) }
            text.append(contentsOf: #"{"id":"#.utf8)
            DecimalText.append(integer: trade.id, to: &text)
            text.append(contentsOf: #","price":""#.utf8)
            text.append(contentsOf: trade.price)
            text.append(contentsOf: #"","qty":""#.utf8)
            text.append(contentsOf: trade.quantity)
            text.append(contentsOf: #"","time":"#.utf8)
            append(milliseconds: trade.milliseconds, to: &text)
            text.append(contentsOf: #","isBuyerMaker":\#(trade.aggressor == .sell),"isBestMatch":true}"#.utf8)
        }
        text.append(UInt8(ascii: "]"))
        return text
    }

    /// The answer to `GET /api/v3/aggTrades`: at most `limit` aggregates whose trades are all still kept. An
    /// aggregate's id is the number of its incoming order.
    public func aggregates(_ history: TradeHistory, from start: AggregateStart, limit: Int) -> [UInt8] {
        let records = history.records
        let complete = history.firstOffset { $0.order > history.lastDroppedOrder }
        var offset: Int
        switch start {
        case .id(let id): offset = max(complete, history.firstOffset { $0.order >= id })
        case .time(let time):
            offset = max(complete, history.firstOffset { $0.trade.milliseconds + movedByMilliseconds >= time })
        case .newest:
            let newest = (records.last?.order ?? 0) - Int64(limit)
            offset = max(complete, history.firstOffset { $0.order > newest })
        }
        var text: [UInt8] = [UInt8(ascii: "[")]
        var count = 0
        while offset < records.count, count < limit {
            let (first, order) = (records[offset].trade, records[offset].order)
            var last = first
            var quantity: Int64 = 0
            while offset < records.count, records[offset].order == order {
                last = records[offset].trade
                // The market's own frames would already have been refused for an unreadable size.
                quantity += DecimalText.parse(last.quantity, last.quantity.indices) ?? 0
                offset += 1
            }
            if count > 0 { text.append(UInt8(ascii: ",")) }
            count += 1
            text.append(contentsOf: #"{"a":"#.utf8)
            DecimalText.append(integer: order, to: &text)
            text.append(contentsOf: #","p":""#.utf8)
            text.append(contentsOf: first.price)
            text.append(contentsOf: #"","q":""#.utf8)
            text.append(contentsOf: DecimalText.text(quantity))
            text.append(contentsOf: #"","f":"#.utf8)
            DecimalText.append(integer: first.id, to: &text)
            text.append(contentsOf: #","l":"#.utf8)
            DecimalText.append(integer: last.id, to: &text)
            text.append(contentsOf: #","T":"#.utf8)
            append(milliseconds: first.milliseconds, to: &text)
            text.append(contentsOf: #","m":\#(first.aggressor == .sell),"M":true}"#.utf8)
        }
        text.append(UInt8(ascii: "]"))
        return text
    }
}
