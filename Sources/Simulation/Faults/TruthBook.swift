import Microstructure

/// What a client's book must look like: an account of one symbol that the simulator keeps beside its market, from the
/// frames that the market sent, before any fault, and the snapshots it gave. Prices and sizes in 10⁻⁸.
///
/// It depends on no client and on no market's own book, so that either can be proved wrong by it.
public struct TruthBook: Sendable {
    /// Levels a side in each record.
    public static let depth = 20
    /// Records kept for questions; the oldest go.
    public static let recordLimit = 4_096

    /// The best levels at one update id.
    public struct Record: Sendable, Hashable {
        public let updateID: Int64
        public let bids: [PriceLevel]
        public let asks: [PriceLevel]
    }

    /// Trades sent: first and last id and how many; ids are contiguous when `count == last − first + 1`.
    public struct Trades: Sendable, Hashable {
        public var first: Int64 = 0
        public var last: Int64 = 0
        public var count = 0
    }

    private var book = OrderBook(levelLimit: 100_000)
    private var isKnown = false
    /// A snapshot given out that is ahead of the stream: what the account goes on from after a hole.
    private var laterSnapshot: [UInt8]?
    /// Depth updates since the book became unknown: a snapshot may be older than they are. The oldest go.
    private var unsettled = RingBuffer<MarketFrame>(limit: 256)
    private var records = RingBuffer<Record>(limit: TruthBook.recordLimit)
    public private(set) var trades = Trades()

    public init() {}

    /// The newest record; `nil` while the book is not known.
    public var latest: Record? { isKnown ? records.last : nil }

    /// The record of an update id, if it is among the newest.
    public func record(at updateID: Int64) -> Record? {
        for offset in stride(from: records.count - 1, through: 0, by: -1) where records[offset].updateID <= updateID {
            return records[offset].updateID == updateID ? records[offset] : nil
        }
        return nil
    }

    /// Best ask in 10⁻⁸, `nil` where it is not known.
    public var bestAsk: Int64? { isKnown ? book.asks.best?.price.mantissa : nil }

    /// A frame that the market sends; returns the record that a depth update makes.
    public mutating func process(_ frame: MarketFrame) -> Record? {
        switch frame.kind {
        case .trade:
            guard let members = JSONText.members(of: frame.bytes, in: frame.payload),
                let range = JSONText.value("t", of: members, in: frame.bytes),
                let id = DecimalText.integer(frame.bytes, range)
            else { return nil }
            if trades.count == 0 { trades.first = id }
            trades.last = max(trades.last, id)
            trades.count += 1
            return nil
        case .depth: return processDepth(frame)
        case .bookTicker, .other: return nil
        }
    }

    /// The body of a snapshot that the market gave: begins the account where it has not begun, or had a hole; one that is
    /// ahead of the stream is kept for the hole that a client with it will not see. Returns the records of the updates that
    /// were sent before the snapshot and go beyond it.
    public mutating func process(snapshot body: [UInt8]) -> [Record] {
        guard isKnown else {
            begin(with: body)
            var made: [Record] = []
            let waiting = unsettled
            unsettled.removeAll()
            for offset in 0..<waiting.count {
                if let record = processDepth(waiting[offset]) { made.append(record) }
            }
            return made
        }
        if let id = Self.updateID(of: body), id > book.updateID { laterSnapshot = body }
        return []
    }

    private static func updateID(of body: [UInt8]) -> Int64? {
        JSONText.members(of: body, in: 0..<body.count)
            .flatMap { JSONText.value("lastUpdateId", of: $0, in: body) }
            .flatMap { DecimalText.integer(body, $0) }
    }

    private mutating func begin(with body: [UInt8]) {
        laterSnapshot = nil
        guard let members = JSONText.members(of: body, in: 0..<body.count), let id = Self.updateID(of: body),
            let bids = JSONText.value("bids", of: members, in: body),
            let asks = JSONText.value("asks", of: members, in: body)
        else { return }
        book.reset(updateID: id)
        isKnown = apply(body, bids: bids, asks: asks)
        book.commit(updateID: id)
    }

    private mutating func processDepth(_ frame: MarketFrame) -> Record? {
        guard isKnown, let members = JSONText.members(of: frame.bytes, in: frame.payload) else {
            unsettled.append(frame)
            return nil
        }
        func number(_ key: String) -> Int64? {
            JSONText.value(key, of: members, in: frame.bytes).flatMap { DecimalText.integer(frame.bytes, $0) }
        }
        guard let first = number("U"), let last = number("u") else { return nil }
        if first > book.updateID + 1, let laterSnapshot { begin(with: laterSnapshot) }
        guard last > book.updateID else { return nil }
        guard first <= book.updateID + 1, let bids = JSONText.value("b", of: members, in: frame.bytes),
            let asks = JSONText.value("a", of: members, in: frame.bytes), apply(frame.bytes, bids: bids, asks: asks)
        else {
            // The recording itself has a hole.
            isKnown = false
            unsettled.append(frame)
            return nil
        }
        book.commit(updateID: last)
        let record = Record(
            updateID: last, bids: (0..<min(Self.depth, book.bids.count)).map { book.bids[$0] },
            asks: (0..<min(Self.depth, book.asks.count)).map { book.asks[$0] })
        records.append(record)
        return record
    }

    private mutating func apply(_ bytes: [UInt8], bids: Range<Int>, asks: Range<Int>) -> Bool {
        func set(_ price: Range<Int>, _ size: Range<Int>, _ isBid: Bool) -> Bool {
            guard let price = DecimalText.parse(bytes, price), let size = DecimalText.parse(bytes, size) else {
                return false
            }
            if isBid {
                book.setBid(Price(price), to: Quantity(size))
            } else {
                book.setAsk(Price(price), to: Quantity(size))
            }
            return true
        }
        return JSONText.forEachLevel(of: bytes, in: bids) { set($0, $1, true) }
            && JSONText.forEachLevel(of: bytes, in: asks) { set($0, $1, false) }
    }
}
