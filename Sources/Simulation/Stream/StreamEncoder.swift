import Microstructure

/// A synthetic market in the messages of one venue. Messages are due when their events are: the order of arrival is
/// that of the events.
public struct StreamEncoder<Writer: StreamWriter>: MarketEncoder {
    private var writer: Writer
    private var book: PublishedBook
    private let names: (depth: String, trades: String, quotes: String)
    private var lastTime: Timestamp

    init(_ market: SyntheticMarket) {
        writer = Writer(market.listing)
        book = PublishedBook(market.book(limit: .max), depth: Writer.depth)
        writer.begin(with: book.book)
        let symbol = market.listing.symbol
        names = (StreamName.depth(symbol), StreamName.trades(symbol), StreamName.quotes(symbol))
        lastTime = market.startTime
    }

    public mutating func encode(_ event: SimulatedEvent, into frames: inout [MarketFrame]) {
        func add(_ bytes: [UInt8], _ name: String, _ kind: StreamKind, isWhole: Bool = true) {
            frames.append(
                MarketFrame(
                    stream: name, kind: kind, due: event.due, bytes: bytes, payload: 0..<bytes.count,
                    event: isWhole ? event : nil))
        }
        switch event.content {
        case .depth(let change):
            guard let published = book.process(change, announcesLoss: Writer.announcesLoss) else { return }
            let messages = writer.depth(published, at: event.time, after: book.book)
            for (place, bytes) in messages.enumerated() {
                add(bytes, names.depth, .depth, isWhole: place == messages.count - 1)
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
        guard frame.kind == .depth, let event = frame.event else { return }
        book.sent()
        lastTime = event.time
    }

    public func snapshot(_ market: SimulatedBook) -> [UInt8] {
        // Not the market's book, which is ahead of the stream.
        writer.snapshot(book.snapshot(limit: max(market.bids.count, market.asks.count)), at: lastTime)
    }

    public func book(limit: Int) -> SimulatedBook? { book.snapshot(limit: limit) }
}
