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
    /// When a snapshot was last asked for, and how often since the last one.
    private(set) var askedAt: Timestamp?
    private(set) var askCount = 0
    /// Until when changes older than the book may come; `nil` unless its snapshot came over HTTP, from between two
    /// changes of a chain.
    private var olderUntil: Timestamp?

    /// A book that stays crossed longer than this is wrong: venues show a match in two messages, but not for so long.
    private static let crossedNanoseconds: Int64 = 1_000_000_000
    /// Wait for a snapshot before it is asked for again.
    private static let patienceNanoseconds: Int64 = 5_000_000_000
    /// A stream that is further behind a snapshot over HTTP has numbered its changes anew.
    private static let lagNanoseconds: Int64 = 10_000_000_000

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
        olderUntil = nil
    }

    /// Whether a snapshot should be asked for now; notes that it is.
    mutating func asks(at time: Timestamp) -> Bool {
        if let askedAt, abs(time.nanoseconds(since: askedAt)) < Self.patienceNanoseconds { return false }
        askedAt = time
        askCount += 1
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
            askCount = 0
            olderUntil = nil
        } else {
            guard isLive else { return .dropped }
            switch joint(of: change.link, at: time) {
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

    /// Loads a snapshot that came over HTTP. It is from between two changes of the chain: older ones may still come, and
    /// the first one that is later may begin before it.
    mutating func load(_ snapshot: VenueMessage.Book, _ message: borrowing VenueMessage, at time: Timestamp) {
        _ = process(snapshot, message, at: time)
        olderUntil = time.advanced(byNanoseconds: Self.lagNanoseconds)
    }

    private mutating func joint(of link: BookLink, at time: Timestamp) -> BookLink.Joint {
        guard let olderUntil, case .chain(let previous, let id) = link else { return link.joint(after: last) }
        // An id below the one before it begins a new series, and nobody knows of which one the snapshot is.
        guard id >= previous, time <= olderUntil else { return .hole }
        if id <= last { return .old }
        guard previous <= last else { return .hole }
        self.olderUntil = nil
        return .joined
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
            if level.quantity != .zero { forms.set(message.forms[place], at: level.price) }
        }
    }
}
