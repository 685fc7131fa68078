import Microstructure

/// One instrument's orders as one connection tells them: a book by order, whole once a snapshot is loaded and as long as no
/// change is missing since.
///
/// A snapshot over HTTP is older than its answer, so changes are held from before it is asked for. Those that are not later than
/// the snapshot are in it.
public struct OrderFeed: Sendable {
    public enum Phase: Sendable, Hashable {
        case awaitingSnapshot
        case live
    }

    /// What became of a change.
    public enum Outcome: Sendable, Hashable {
        /// Each of its updates was passed on.
        case applied
        /// It waits for the snapshot.
        case held
        /// The snapshot contains it.
        case old
        /// Changes before it are missing: the book is discarded, and this one is the first held for the next snapshot.
        case hole
        /// The book is not the venue's: it is discarded.
        case wrongChecksum
    }

    /// What became of a snapshot.
    public enum Loading: Sendable, Hashable {
        /// With the number of its orders that were refused.
        case loaded(refused: Int)
        /// Changes between it and the first one held are missing: ask again.
        case tooOld
        /// No change has come yet, so nobody knows whether it is too old.
        case early
    }

    /// Most updates held for a snapshot: 100 s of Bitstamp's BTC/USD. At the limit the oldest half is dropped, and a snapshot
    /// must be younger than it.
    public static let heldLimit = 20_000

    public private(set) var orders: OrderBookByOrder
    public private(set) var phase = Phase.awaitingSnapshot
    /// The id after the last change.
    private var last: Int64?
    private var held: [OrderUpdate] = []

    public init(orderLimit: Int = 1 << 20) { orders = OrderBookByOrder(orderLimit: orderLimit) }

    public var isLive: Bool { phase == .live }

    /// Begins anew, on a new connection or without trust in the book: nothing is known until the next snapshot.
    public mutating func discard() {
        orders.reset()
        phase = .awaitingSnapshot
        last = nil
        held.removeAll(keepingCapacity: true)
    }

    /// - Parameters:
    ///   - body: receives each update that reaches the book, and its outcome.
    ///   - checksum: of the book after the change; called only if the venue states one.
    public mutating func process(
        _ change: OrderChange, _ updates: borrowing [OrderUpdate],
        _ body: (OrderUpdate, OrderOutcome) -> Void = { _, _ in },
        checksum: (borrowing OrderBookByOrder) -> UInt32 = { _ in 0 }
    ) -> Outcome {
        if change.isSnapshot { return begin(with: change, updates) }
        if let last {
            switch change.link.joint(after: last) {
            case .joined: break
            case .old: return .old
            case .hole:
                discard()
                hold(change, updates)
                return .hole
            }
        }
        last = change.link.last ?? last
        guard isLive else {
            hold(change, updates)
            return .held
        }
        for place in change.orders { body(updates[place], orders.process(updates[place])) }
        if let stated = change.checksum, checksum(orders) != stated {
            discard()
            return .wrongChecksum
        }
        return .applied
    }

    /// A snapshot in the stream, between the changes before it and those after it.
    private mutating func begin(with change: OrderChange, _ updates: borrowing [OrderUpdate]) -> Outcome {
        discard()
        last = change.link.last
        phase = .live
        _ = fill(change, updates)
        return .applied
    }

    /// Returns the number of orders refused.
    private mutating func fill(_ change: OrderChange, _ updates: borrowing [OrderUpdate]) -> Int {
        var refused = 0
        for place in change.orders {
            let order = updates[place]
            let refusal = orders.load(order.id, order.side, order.price, order.quantity, at: change.venueTime)
            if refusal != nil { refused += 1 }
        }
        return refused
    }

    private mutating func hold(_ change: OrderChange, _ updates: borrowing [OrderUpdate]) {
        last = change.link.last ?? last
        if held.count + change.orders.count > Self.heldLimit { held.removeFirst(held.count / 2) }
        held.append(contentsOf: updates[change.orders])
    }

    /// Loads a snapshot that came over HTTP, and then the changes held that are later.
    public mutating func load(
        _ snapshot: OrderChange, _ updates: borrowing [OrderUpdate],
        _ body: (OrderUpdate, OrderOutcome) -> Void = { _, _ in }
    ) -> Loading {
        guard let first = held.first else { return .early }
        guard first.times.venue <= snapshot.venueTime else { return .tooOld }
        orders.reset()
        phase = .live
        let refused = fill(snapshot, updates)
        for update in held where update.times.venue > snapshot.venueTime { body(update, orders.process(update)) }
        held.removeAll(keepingCapacity: true)
        return .loaded(refused: refused)
    }
}
