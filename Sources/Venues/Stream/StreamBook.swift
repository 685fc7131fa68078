import Microstructure

/// An instrument's book as one connection builds it: whole once a snapshot has come and no change has been missed since.
struct StreamBook: Sendable {
    enum Phase: Sendable, Hashable {
        case awaitingSnapshot
        case live
    }

    /// What became of a change.
    enum Outcome: Sendable, Hashable {
        case applied
        /// The book had it already.
        case old
        /// There is no book to change yet.
        case dropped
        case hole
    }

    private(set) var book: OrderBook
    private(set) var forms = LevelForms()
    private(set) var phase = Phase.awaitingSnapshot
    /// The id after the last change.
    private(set) var last: Int64 = 0
    /// Since when the best ask is not above the best bid.
    private(set) var crossedSince: Timestamp?
    /// When a snapshot was last asked for.
    private(set) var askedAt: Timestamp?

    /// A book that stays crossed longer than this is wrong: venues show a match in two messages, but not for so long.
    private static let crossedNanoseconds: Int64 = 1_000_000_000
    /// Wait for a snapshot before it is asked for again.
    private static let patienceNanoseconds: Int64 = 5_000_000_000

    init(levelLimit: Int) { book = OrderBook(levelLimit: levelLimit) }

    var isLive: Bool { phase == .live }
    /// Whether the book may be published.
    var isTrustworthy: Bool { isLive && crossedSince == nil }

    /// Begins anew: nothing is known until the next snapshot.
    mutating func discard() {
        guard phase == .live || !book.bids.isEmpty || !book.asks.isEmpty else { return }
        book.reset(updateID: 0)
        forms.removeAll()
        phase = .awaitingSnapshot
        crossedSince = nil
        askedAt = nil
    }

    /// Whether a snapshot should be asked for now; notes that it is.
    mutating func asks(at time: Timestamp) -> Bool {
        if let askedAt, abs(time.nanoseconds(since: askedAt)) < Self.patienceNanoseconds { return false }
        askedAt = time
        return true
    }

    /// Whether the book has been crossed for too long.
    func isCrossedTooLong(at time: Timestamp) -> Bool {
        crossedSince.map { time.nanoseconds(since: $0) > Self.crossedNanoseconds } ?? false
    }

    mutating func process(
        _ change: VenueMessage.Book, _ message: borrowing VenueMessage, at time: Timestamp
    ) -> Outcome {
        if change.isSnapshot {
            book.reset(updateID: 0)
            forms.removeAll()
            crossedSince = nil
            phase = .live
            askedAt = nil
        } else {
            guard isLive else { return .dropped }
            switch change.link.joint(after: last) {
            case .joined: break
            case .old: return .old
            case .hole: return .hole
            }
        }
        last = change.link.last ?? last
        set(change, message)
        book.commit(updateID: change.link.last ?? book.updateID &+ 1, depth: change.depth ?? .max)
        if !message.forms.isEmpty { forms.prune(to: book) }
        if book.isCrossed {
            crossedSince = crossedSince ?? time
        } else {
            crossedSince = nil
        }
        return .applied
    }

    /// Sets the levels in the order in which they came: one price may come twice. A snapshot's come best first, so from
    /// its end, where they are appended to their side and nothing moves.
    private mutating func set(_ change: VenueMessage.Book, _ message: borrowing VenueMessage) {
        for offset in 0..<change.bids.count {
            let place = change.isSnapshot ? change.bids.upperBound - 1 - offset : change.bids.lowerBound + offset
            let level = message.levels[place]
            book.setBid(level.price, to: level.quantity)
        }
        for offset in 0..<change.asks.count {
            let place = change.isSnapshot ? change.asks.upperBound - 1 - offset : change.asks.lowerBound + offset
            let level = message.levels[place]
            book.setAsk(level.price, to: level.quantity)
        }
        guard !message.forms.isEmpty else { return }
        note(change.bids, message)
        note(change.asks, message)
    }

    private mutating func note(_ places: Range<Int>, _ message: borrowing VenueMessage) {
        for place in places {
            let level = message.levels[place]
            forms.set(level.quantity == .zero ? nil : message.forms[place], at: level.price)
        }
    }
}
