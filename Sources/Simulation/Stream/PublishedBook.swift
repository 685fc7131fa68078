import Microstructure

/// A market's book as a venue publishes it, whole or its best levels, and what changes of it with each update.
///
/// It is kept twice: as the messages written so far leave it, and as those sent so far do. A client that subscribes
/// between the two needs the second.
public struct PublishedBook: Sendable {
    /// After the last message written.
    public private(set) var book: OrderBook
    /// Levels a side that the venue publishes; `nil` for all.
    public let depth: Int?
    private var sentBook: OrderBook
    /// Changes written and not yet sent, a message's together, oldest first.
    private var unsent: [[DepthChange]] = []
    /// Changes that the venue does not publish: they come with the next message.
    private var unseen: [DepthChange] = []
    /// What the venue published of each side before the change, best first.
    private var earlier: (bids: [PriceLevel], asks: [PriceLevel]) = ([], [])

    public init(_ start: SimulatedBook, depth: Int?) {
        self.depth = depth
        var book = OrderBook(levelLimit: 1_000_000)
        for level in start.bids { book.setBid(level.price, to: level.quantity) }
        for level in start.asks { book.setAsk(level.price, to: level.quantity) }
        book.commit(updateID: start.updateID)
        self.book = book
        sentBook = book
    }

    /// Applies a change and returns what the venue says of it: of the levels that it publishes, those that are new or
    /// different; `nil` if none is.
    ///
    /// - Parameter announcesLoss: whether levels pushed out of the published ones are sent as gone.
    public mutating func process(_ change: DepthChange, announcesLoss: Bool) -> DepthChange? {
        unseen.append(change)
        guard let published = publish(change, announcesLoss) else { return nil }
        unsent.append(unseen)
        unseen = []
        return published
    }

    private mutating func publish(_ change: DepthChange, _ announcesLoss: Bool) -> DepthChange? {
        guard let depth else {
            Self.apply(change, to: &book)
            return change.bids.isEmpty && change.asks.isEmpty ? nil : change
        }
        earlier.bids = Self.best(depth, of: book.bids)
        earlier.asks = Self.best(depth, of: book.asks)
        Self.apply(change, to: &book)
        let bids = Self.difference(earlier.bids, Self.best(depth, of: book.bids), announcesLoss, change.bids)
        let asks = Self.difference(earlier.asks, Self.best(depth, of: book.asks), announcesLoss, change.asks)
        guard !bids.isEmpty || !asks.isEmpty else { return nil }
        return DepthChange(firstID: change.firstID, lastID: change.lastID, bids: bids, asks: asks)
    }

    /// The oldest message not yet sent has been sent.
    public mutating func sent() {
        guard !unsent.isEmpty else { return }
        for change in unsent.removeFirst() { Self.apply(change, to: &sentBook) }
    }

    /// The book as the messages sent so far leave it, at most `limit` levels a side.
    public func snapshot(limit: Int) -> SimulatedBook {
        let count = min(limit, depth ?? limit)
        return SimulatedBook(
            updateID: sentBook.updateID, bids: Self.best(count, of: sentBook.bids),
            asks: Self.best(count, of: sentBook.asks))
    }

    /// The market's whole book at that moment, levels that the venue does not publish among them.
    func whole(limit: Int) -> SimulatedBook {
        SimulatedBook(
            updateID: sentBook.updateID, bids: Self.best(limit, of: sentBook.bids),
            asks: Self.best(limit, of: sentBook.asks))
    }

    private static func apply(_ change: DepthChange, to book: inout OrderBook) {
        for level in change.bids { book.setBid(level.price, to: level.quantity) }
        for level in change.asks { book.setAsk(level.price, to: level.quantity) }
        book.commit(updateID: change.lastID)
    }

    private static func best(_ count: Int, of side: borrowing BookSide) -> [PriceLevel] {
        (0..<min(count, side.count)).map { side[$0] }
    }

    /// The levels of `after` that `before` lacks or has with another size, and those gone from the book.
    private static func difference(
        _ before: [PriceLevel], _ after: [PriceLevel], _ announcesLoss: Bool, _ changed: [PriceLevel]
    ) -> [PriceLevel] {
        let old = Dictionary(before.map { ($0.price, $0.quantity) }, uniquingKeysWith: { first, _ in first })
        let new = Set(after.map(\.price))
        let gone = Set(changed.lazy.filter { $0.quantity == .zero }.map(\.price))
        var levels = before.filter { !new.contains($0.price) && (announcesLoss || gone.contains($0.price)) }
            .map { PriceLevel(price: $0.price, quantity: .zero) }
        levels += after.filter { old[$0.price] != $0.quantity }
        return levels
    }
}
