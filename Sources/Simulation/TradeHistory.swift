import Microstructure

/// The trades that a market has sent, for `historicalTrades` and `aggTrades`: the newest `limit`, as on the exchange in the
/// order of their ids.
public struct TradeHistory: Sendable {
    /// A trade in the venue's own spelling.
    private struct Record: Sendable {
        let id: Int64
        let price: [UInt8]
        let quantity: [UInt8]
        /// Milliseconds.
        let time: Int64
        let isBuyerMaker: Bool
        /// Counts from 1; trades in a row of one side at one price and millisecond have the same.
        var aggregate: Int64 = 1

        func isOneOrder(with other: Record) -> Bool {
            price == other.price && time == other.time && isBuyerMaker == other.isBuyerMaker && id == other.id + 1
        }
    }

    /// What an answer's times are written with.
    public struct Times: Sendable {
        /// Added to the times of the trades.
        public var movedByMilliseconds: Int64
        public var inMicroseconds: Bool

        public init(movedByMilliseconds: Int64 = 0, inMicroseconds: Bool = false) {
            self.movedByMilliseconds = movedByMilliseconds
            self.inMicroseconds = inMicroseconds
        }

        fileprivate func append(_ milliseconds: Int64, to text: inout [UInt8]) {
            DecimalText.append(
                integer: (milliseconds + movedByMilliseconds) * (inMicroseconds ? 1_000 : 1), to: &text)
        }
    }

    /// Which aggregates are wanted.
    public enum AggregateStart: Sendable {
        case newest
        /// From an aggregate's id on.
        case id(Int64)
        /// From a time in ms on.
        case time(Int64)
    }

    private var records: RingBuffer<Record>
    /// The aggregate of the newest trade that is not kept any more: what is left of it is not the whole of it.
    private var lastGone: Int64 = 0

    /// - Parameter limit: trades kept; the oldest go, and cannot be had any more.
    public init(limit: Int = 100_000) { records = RingBuffer(limit: limit) }

    /// Id of the newest trade; 0 before the first.
    public var lastID: Int64 { records.last?.id ?? 0 }

    /// Takes a frame; anything but a trade is passed over.
    public mutating func process(_ frame: MarketFrame) {
        guard frame.kind == .trade, let members = JSONText.members(of: frame.bytes, in: frame.payload) else { return }
        func range(_ key: String) -> Range<Int>? { JSONText.value(key, of: members, in: frame.bytes) }
        func integer(_ key: String) -> Int64? { range(key).flatMap { DecimalText.integer(frame.bytes, $0) } }
        func text(_ key: String) -> [UInt8]? { range(key).map { Array(frame.bytes[$0].dropFirst().dropLast()) } }
        guard let id = integer("t"), let time = integer("T"), let price = text("p"), let quantity = text("q"),
            let maker = range("m")
        else { return }
        var record = Record(
            id: id, price: price, quantity: quantity, time: time,
            isBuyerMaker: frame.bytes[maker.lowerBound] == UInt8(ascii: "t"))
        if let last = records.last { record.aggregate = last.aggregate + (record.isOneOrder(with: last) ? 0 : 1) }
        if let gone = records.append(record) { lastGone = gone.aggregate }
    }

    /// The answer to `GET /api/v3/historicalTrades`: at most `limit` trades from `fromID` on, or the newest ones.
    public func answer(fromID: Int64?, limit: Int, times: Times) -> [UInt8] {
        let start = fromID.map { id in firstOffset { $0.id >= id } } ?? max(0, records.count - limit)
        var text: [UInt8] = [UInt8(ascii: "[")]
        for offset in start..<min(records.count, start + limit) {
            let record = records[offset]
            if offset > start { text.append(UInt8(ascii: ",")) }
            text.append(contentsOf: #"{"id":"#.utf8)
            DecimalText.append(integer: record.id, to: &text)
            text.append(contentsOf: #","price":""#.utf8)
            text.append(contentsOf: record.price)
            text.append(contentsOf: #"","qty":""#.utf8)
            text.append(contentsOf: record.quantity)
            text.append(contentsOf: #"","time":"#.utf8)
            times.append(record.time, to: &text)
            text.append(contentsOf: #","isBuyerMaker":\#(record.isBuyerMaker),"isBestMatch":true}"#.utf8)
        }
        text.append(UInt8(ascii: "]"))
        return text
    }

    /// The answer to `GET /api/v3/aggTrades`: at most `limit` aggregates, those that are kept whole.
    public func aggregates(from start: AggregateStart, limit: Int, times: Times) -> [UInt8] {
        let whole = firstOffset { $0.aggregate > lastGone }
        var offset =
            switch start {
            case .id(let id): max(whole, firstOffset { $0.aggregate >= id })
            case .time(let time): max(whole, firstOffset { $0.time + times.movedByMilliseconds >= time })
            case .newest:
                firstOffset { [last = records.last?.aggregate ?? 0] in $0.aggregate > max(lastGone, last - Int64(limit))
                }
            }
        var text: [UInt8] = [UInt8(ascii: "[")]
        var count = 0
        while offset < records.count, count < limit {
            let first = records[offset]
            var last = first
            var quantity: Int64 = 0
            while offset < records.count, records[offset].aggregate == first.aggregate {
                last = records[offset]
                // Sizes are the market's own frames; one that is no number would have been refused there.
                quantity += DecimalText.parse(last.quantity, last.quantity.indices) ?? 0
                offset += 1
            }
            if count > 0 { text.append(UInt8(ascii: ",")) }
            count += 1
            text.append(contentsOf: #"{"a":"#.utf8)
            DecimalText.append(integer: first.aggregate, to: &text)
            text.append(contentsOf: #","p":""#.utf8)
            text.append(contentsOf: first.price)
            text.append(contentsOf: #"","q":""#.utf8)
            text.append(contentsOf: DecimalText.text(quantity))
            text.append(contentsOf: #"","f":"#.utf8)
            DecimalText.append(integer: first.id, to: &text)
            text.append(contentsOf: #","l":"#.utf8)
            DecimalText.append(integer: last.id, to: &text)
            text.append(contentsOf: #","T":"#.utf8)
            times.append(first.time, to: &text)
            text.append(contentsOf: #","m":\#(first.isBuyerMaker),"M":true}"#.utf8)
        }
        text.append(UInt8(ascii: "]"))
        return text
    }

    /// The first record of which `condition` holds; it holds of all after it, too.
    private func firstOffset(_ condition: (Record) -> Bool) -> Int {
        var (lower, upper) = (0, records.count)
        while lower < upper {
            let middle = (lower + upper) / 2
            if condition(records[middle]) { upper = middle } else { lower = middle + 1 }
        }
        return lower
    }
}
