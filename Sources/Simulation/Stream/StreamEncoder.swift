import Microstructure

/// A synthetic market in the messages of one venue. Messages are due when their events are: the order of arrival is
/// that of the events.
public struct StreamEncoder<Writer: StreamWriter>: MarketEncoder {
    private var writer: Writer
    private var book: PublishedBook
    private let names: (depth: String, trades: String, quotes: String)
    private var lastTime: Timestamp
    /// Changes of levels that the venue does not publish, since the last message.
    private var unseen: DepthChange?

    init(_ market: SyntheticMarket) {
        writer = Writer(market.listing)
        book = PublishedBook(market.book(limit: .max), depth: Writer.depth)
        writer.begin(with: book.book)
        let symbol = market.listing.symbol
        names = (StreamName.depth(symbol), StreamName.trades(symbol), StreamName.quotes(symbol))
        lastTime = market.startTime
    }

    public mutating func encode(_ event: SimulatedEvent, into frames: inout [MarketFrame]) {
        func add(_ bytes: [UInt8], _ name: String, _ kind: StreamKind, _ content: SimulatedEvent.Content? = nil) {
            frames.append(
                MarketFrame(
                    stream: name, kind: kind, due: event.due, bytes: bytes, payload: 0..<bytes.count,
                    event: content.map(event.with) ?? event))
        }
        switch event.content {
        case .depth(let change):
            let whole = unseen.map { $0.followed(by: change) } ?? change
            guard let published = book.process(change, announcesLoss: Writer.announcesLoss) else {
                unseen = whole
                return
            }
            unseen = nil
            let messages = writer.depth(published, at: event.time, after: book.book)
            let parts = Writer.sendsLevelsSingly ? published.levels : []
            for (place, bytes) in messages.enumerated() {
                let isLast = place == messages.count - 1
                add(bytes, names.depth, .depth, .depth(isLast ? whole : published.part(parts, place)))
            }
        case .trade(let id, let price, let quantity, let aggressor):
            add(
                writer.trade(id: id, price: price, quantity: quantity, aggressor: aggressor, at: event.time),
                names.trades, .trade)
        case .quote(let id, let bid, let ask):
            guard let bytes = writer.quote(updateID: id, bid: bid, ask: ask, at: event.time) else { return }
            add(bytes, names.quotes, .quote)
        }
    }

    public mutating func sent(_ frame: MarketFrame) {
        // A change of several messages is there with its last one.
        guard frame.kind == .depth, let event = frame.event, !frame.isPart else { return }
        book.sent()
        lastTime = event.time
    }

    public func snapshot(_ market: SimulatedBook) -> [UInt8] {
        // Not the market's book, which is ahead of the stream.
        writer.snapshot(book.snapshot(limit: max(market.bids.count, market.asks.count)), at: lastTime)
    }

    public func book(limit: Int) -> SimulatedBook? { book.whole(limit: limit) }
}

extension SimulatedEvent {
    fileprivate func with(_ content: Content) -> SimulatedEvent {
        SimulatedEvent(due: due, time: time, content: content, priceUnit: priceUnit, quantityUnit: quantityUnit)
    }
}

extension DepthChange {
    /// Both changes in one.
    fileprivate func followed(by next: DepthChange) -> DepthChange {
        DepthChange(firstID: firstID, lastID: next.lastID, bids: bids + next.bids, asks: asks + next.asks)
    }

    /// Each level by itself, bids first.
    fileprivate var levels: [DepthChange] {
        bids.map { DepthChange(firstID: firstID, lastID: lastID, bids: [$0], asks: [], isPart: true) }
            + asks.map { DepthChange(firstID: firstID, lastID: lastID, bids: [], asks: [$0], isPart: true) }
    }

    /// What the message at `place` says of the change; nothing where it has no level.
    fileprivate func part(_ parts: [DepthChange], _ place: Int) -> DepthChange {
        place < parts.count
            ? parts[place] : DepthChange(firstID: firstID, lastID: lastID, bids: [], asks: [], isPart: true)
    }
}
