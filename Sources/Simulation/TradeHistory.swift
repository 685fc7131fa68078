import Microstructure

/// The newest `limit` trades that a market has sent, in id order, to answer requests for earlier trades.
public struct TradeHistory: Sendable {
    /// A trade as it was sent.
    public struct Trade: Sendable, Hashable {
        public var id: Int64
        /// Decimal text in the venue's own spelling.
        public var price: [UInt8]
        public var quantity: [UInt8]
        public var milliseconds: Int64
        public var aggressor: AggressorSide

        var priceText: String { String(decoding: price, as: UTF8.self) }
        var quantityText: String { String(decoding: quantity, as: UTF8.self) }

        /// Whether both are fills of one incoming order: adjacent, of one side, at one price and time.
        fileprivate func follows(_ earlier: Trade) -> Bool {
            price == earlier.price && milliseconds == earlier.milliseconds && aggressor == earlier.aggressor
                && id == earlier.id + 1
        }
    }

    /// A trade and the number of its incoming order, counted from 1.
    struct Record: Sendable {
        let trade: Trade
        var order: Int64 = 1
    }

    private(set) var records: RingBuffer<Record>
    /// The order of the newest dropped trade: its remaining trades are not the whole order.
    private(set) var lastDroppedOrder: Int64 = 0

    /// - Parameter limit: trades kept; the oldest are dropped and cannot be requested any more.
    public init(limit: Int = 100_000) { records = RingBuffer(limit: limit) }

    /// Id of the newest trade; 0 before the first.
    public var lastID: Int64 { records.last?.trade.id ?? 0 }

    public mutating func process(_ trade: Trade) {
        var record = Record(trade: trade)
        if let last = records.last { record.order = last.order + (trade.follows(last.trade) ? 0 : 1) }
        if let dropped = records.append(record) { lastDroppedOrder = dropped.order }
    }

    /// The trades that satisfy `condition`, newest first, at most `limit`.
    func newest(_ limit: Int, where condition: (Trade) -> Bool = { _ in true }) -> [Trade] {
        var trades: [Trade] = []
        for offset in (0..<records.count).reversed() where trades.count < limit {
            let trade = records[offset].trade
            if condition(trade) { trades.append(trade) }
        }
        return trades
    }

    /// The offset of the first record that satisfies `condition`; all later records must satisfy it too. O(log n).
    func firstOffset(_ condition: (Record) -> Bool) -> Int {
        var (lower, upper) = (0, records.count)
        while lower < upper {
            let middle = (lower + upper) / 2
            if condition(records[middle]) { upper = middle } else { lower = middle + 1 }
        }
        return lower
    }
}
