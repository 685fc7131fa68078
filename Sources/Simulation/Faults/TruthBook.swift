import Microstructure

/// The correct book of one symbol, which a client must reproduce. The simulator builds it from the depth updates the
/// market sent, before any fault, and the snapshots it gave. Prices and sizes in 10⁻⁸.
///
/// It is built from the messages, independently of clients and of the market's own book, so it can prove either wrong.
public struct TruthBook: Sendable {
    /// Levels a side in each record.
    public static let depth = 20
    /// Records kept for queries; the oldest are dropped.
    public static let recordLimit = 4_096

    /// The best levels at one update id.
    public struct Record: Sendable, Hashable {
        public let updateID: Int64
        public let bids: [PriceLevel]
        public let asks: [PriceLevel]
    }

    /// Trades sent: first id, last id and count; ids are contiguous when `count == last − first + 1`.
    public struct Trades: Sendable, Hashable {
        public var first: Int64 = 0
        public var last: Int64 = 0
        public var count = 0
    }

    private var book = OrderBook(levelLimit: 100_000)
    private var isKnown = false
    /// A snapshot given out that is ahead of the stream; the truth book resumes from it after a gap.
    private var laterSnapshot: SimulatedBook?
    /// Depth updates since the book became unknown, since a snapshot may be older than they are. The oldest are
    /// dropped.
    private var unsettled = RingBuffer<DepthChange>(limit: 256)
    private var records = RingBuffer<Record>(limit: TruthBook.recordLimit)
    public private(set) var trades = Trades()

    public init() {}

    /// The newest record; `nil` while the book is unknown.
    public var latest: Record? { isKnown ? records.last : nil }

    /// The record of an update id, if still kept.
    public func record(at updateID: Int64) -> Record? {
        for offset in stride(from: records.count - 1, through: 0, by: -1) where records[offset].updateID <= updateID {
            return records[offset].updateID == updateID ? records[offset] : nil
        }
        return nil
    }

    /// Best ask in 10⁻⁸; `nil` if unknown.
    public var bestAsk: Int64? { isKnown ? book.asks.best?.price.mantissa : nil }

    /// Records a trade that the market sends.
    public mutating func process(tradeID id: Int64) {
        if trades.count == 0 { trades.first = id }
        trades.last = max(trades.last, id)
        trades.count += 1
    }

    /// Processes a snapshot that the market gave. It starts the truth book, initially or after a gap; a snapshot ahead
    /// of the stream is kept for a gap that clients using it will not see. Returns the records of the updates after the
    /// snapshot that were already sent.
    public mutating func process(snapshot: SimulatedBook) -> [Record] {
        guard isKnown else {
            begin(with: snapshot)
            var made: [Record] = []
            let waiting = unsettled
            unsettled.removeAll()
            for offset in 0..<waiting.count {
                if let record = process(waiting[offset]) { made.append(record) }
            }
            return made
        }
        if snapshot.updateID > book.updateID { laterSnapshot = snapshot }
        return []
    }

    private mutating func begin(with snapshot: SimulatedBook) {
        laterSnapshot = nil
        book.reset(updateID: snapshot.updateID)
        apply(snapshot.bids, snapshot.asks)
        book.commit(updateID: snapshot.updateID)
        isKnown = true
    }

    /// Applies a depth update that the market sends; returns its record, `nil` while the book is unknown. The record of a
    /// part has the id of the change before.
    public mutating func process(_ change: DepthChange) -> Record? {
        guard !change.isPart else {
            guard isKnown else { return nil }
            apply(change.bids, change.asks)
            return record(book.updateID)
        }
        guard isKnown else {
            unsettled.append(change)
            return nil
        }
        if change.firstID > book.updateID + 1, let laterSnapshot { begin(with: laterSnapshot) }
        guard change.lastID > book.updateID else { return nil }
        guard change.firstID <= book.updateID + 1 else {
            // The recording itself has a gap.
            isKnown = false
            unsettled.append(change)
            return nil
        }
        apply(change.bids, change.asks)
        book.commit(updateID: change.lastID)
        let record = record(change.lastID)
        records.append(record)
        return record
    }

    private func record(_ id: Int64) -> Record {
        Record(
            updateID: id, bids: (0..<min(Self.depth, book.bids.count)).map { book.bids[$0] },
            asks: (0..<min(Self.depth, book.asks.count)).map { book.asks[$0] })
    }

    /// Handles an unreadable depth update: the book is unknown until the next snapshot.
    public mutating func lose() { isKnown = false }

    private mutating func apply(_ bids: [PriceLevel], _ asks: [PriceLevel]) {
        for level in bids { book.setBid(level.price, to: level.quantity) }
        for level in asks { book.setAsk(level.price, to: level.quantity) }
    }
}
