/// Events in receive order, with the book levels they refer to. Reused for every frame, so that the hot path allocates
/// nothing after warm-up.
public struct EventBatch: Sendable {
    public private(set) var events: [MarketEvent] = []
    /// Levels of all book updates of the batch, one after another.
    public private(set) var levels: [PriceLevel] = []

    public init(reservingEvents eventCapacity: Int = 16, levels levelCapacity: Int = 256) {
        events.reserveCapacity(eventCapacity)
        levels.reserveCapacity(levelCapacity)
    }

    public var isEmpty: Bool { events.isEmpty }

    public mutating func removeAll() {
        events.removeAll(keepingCapacity: true)
        levels.removeAll(keepingCapacity: true)
    }

    /// Appends an event that carries no levels. For a book use `append(book:…)`.
    public mutating func append(_ event: MarketEvent) {
        events.append(event)
    }

    /// Appends a book update with the best `depth` levels of each side of `book`.
    /// Complexity: O(depth).
    /// - Parameter tickSize: the instrument's smallest price step, in price units; at least 1.
    public mutating func append(
        book: borrowing OrderBook, depth: Int, instrument: InstrumentID, tickSize: Int64, times: EventTimes,
        epoch: UInt64, validity: Validity
    ) {
        let bidStart = levels.count
        book.bids.appendBest(depth, to: &levels)
        let askStart = levels.count
        book.asks.appendBest(depth, to: &levels)
        events.append(
            .book(
                BookSnapshot(
                    instrument: instrument, times: times, epoch: epoch, updateID: book.updateID, validity: validity,
                    tickSize: tickSize, bids: bidStart..<askStart, asks: askStart..<levels.count)))
    }

    /// Appends one level and returns its index; for decoders that build a `BookSnapshot` column by column.
    @discardableResult
    public mutating func append(level: PriceLevel) -> Int {
        levels.append(level)
        return levels.count - 1
    }
}
