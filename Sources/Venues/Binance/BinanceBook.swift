import Microstructure

/// A depth update without its levels.
struct DepthHeader {
    /// Ids of the first and the last change contained (`U`, `u`).
    var first: Int64
    var last: Int64
    var times: EventTimes
}

/// One instrument's book and the rules that keep it true.
///
/// Updates are held until a snapshot arrives; the first one applied straddles the snapshot's id, and each further
/// one must join its predecessor. A hole or a crossed book ends the book's life: it is emptied and asked for again,
/// and the update that showed it is the first to be held for the next one.
/// Source: Binance, "How to manage a local order book correctly" (spot WebSocket streams, 2026-06-09).
struct BinanceBook: Sendable {
    enum Phase {
        /// No connection. The book may still show its last state.
        case disconnected
        /// Connected; no depth update yet.
        case idle
        case awaitingSnapshot
        /// The snapshot is loaded, but no update has proved that the stream continues it.
        case awaitingStraddle
        case live
    }

    struct PendingUpdate {
        var header: DepthHeader
        var bids: [PriceLevel]
        var asks: [PriceLevel]

        /// Copies the levels: the arrays they come from are scratch space, with room for far longer updates.
        init(_ header: DepthHeader, bids: [PriceLevel], asks: [PriceLevel]) {
            self.header = header
            self.bids = bids.withUnsafeBufferPointer { Array($0) }
            self.asks = asks.withUnsafeBufferPointer { Array($0) }
        }

        var byteCount: Int {
            MemoryLayout<PendingUpdate>.stride + (bids.count + asks.count) * MemoryLayout<PriceLevel>.stride
        }
    }

    private enum Application { case applied, alreadyContained, hole, crossed }

    let id: InstrumentID
    private let depthPublished: Int
    private let pendingUpdateLimit: Int
    private let pendingByteLimit: Int

    private(set) var book: OrderBook
    private(set) var epoch: UInt64 = 0
    private(set) var phase = Phase.disconnected
    /// Updates that wait for the snapshot, each joining the one before. Limits: `BinanceConfiguration`.
    private(set) var pending: [PendingUpdate] = []
    private var pendingBytes = 0
    var counts = SessionCounts()

    init(_ id: InstrumentID, _ configuration: borrowing BinanceConfiguration) {
        self.id = id
        depthPublished = configuration.depthPublished
        pendingUpdateLimit = configuration.pendingUpdateLimit
        pendingByteLimit = configuration.pendingByteLimit
        book = OrderBook(levelLimit: configuration.bookLevelLimit)
    }

    var validity: Validity {
        switch phase {
        case .disconnected: .stale
        case .idle, .awaitingSnapshot, .awaitingStraddle: .resyncing
        case .live: .valid
        }
    }

    mutating func connectionOpened() {
        if phase == .disconnected { phase = .idle }
    }

    mutating func connectionClosed() {
        if isLoaded { counts.resyncs += 1 }
        dropPending()
        phase = .disconnected
    }

    /// Whether a snapshot that could not be had is still wanted.
    mutating func snapshotFailed() -> VenueAction {
        counts.snapshotsFailed += 1
        return phase == .awaitingSnapshot ? .fetchSnapshot(id) : .proceed
    }

    /// Applies a depth update, or holds it until a snapshot comes.
    mutating func receive(
        _ header: DepthHeader, bids: [PriceLevel], asks: [PriceLevel], into events: inout EventBatch
    ) -> VenueAction {
        counts.depthUpdates += 1
        switch phase {
        case .disconnected, .idle:
            // Asked for only now: the first update held must be older than the snapshot.
            return restart(holding: PendingUpdate(header, bids: bids, asks: asks))
        case .awaitingSnapshot:
            hold(PendingUpdate(header, bids: bids, asks: asks))
            return .proceed
        case .awaitingStraddle, .live:
            switch apply(header, bids, asks, into: &events) {
            case .applied, .alreadyContained:
                return .proceed
            case .hole, .crossed:
                counts.resyncs += 1
                return restart(holding: PendingUpdate(header, bids: bids, asks: asks))
            }
        }
    }

    /// Loads a snapshot and applies the updates that waited for it.
    mutating func receiveSnapshot(
        lastUpdateID: Int64, bids: [PriceLevel], asks: [PriceLevel], into events: inout EventBatch
    ) -> VenueAction {
        guard phase == .awaitingSnapshot, let oldest = pending.first else {
            counts.snapshotsIgnored += 1
            return .proceed
        }
        guard lastUpdateID >= oldest.header.first else {
            counts.snapshotsTooOld += 1
            return .fetchSnapshot(id)
        }
        book.reset(updateID: lastUpdateID)
        // Worst first: each level then goes to the end of its side, and nothing moves.
        for level in bids.reversed() { book.setBid(level.price, to: level.quantity) }
        for level in asks.reversed() { book.setAsk(level.price, to: level.quantity) }
        book.commit(updateID: lastUpdateID)
        guard !book.isCrossed else {
            counts.snapshotsCrossed += 1
            book.reset(updateID: 0)
            return .fetchSnapshot(id)
        }
        counts.snapshots += 1
        epoch += 1
        phase = .awaitingStraddle
        return applyPending(into: &events)
    }

    private var isLoaded: Bool { phase == .awaitingStraddle || phase == .live }

    private mutating func applyPending(into events: inout EventBatch) -> VenueAction {
        for (index, update) in pending.enumerated() {
            switch apply(update.header, update.bids, update.asks, into: &events) {
            case .applied, .alreadyContained:
                continue
            case .hole, .crossed:
                counts.resyncs += 1
                book.reset(updateID: 0)
                phase = .awaitingSnapshot
                pending.removeFirst(index)
                pendingBytes = pending.reduce(0) { $0 + $1.byteCount }
                return .fetchSnapshot(id)
            }
        }
        pending = []
        pendingBytes = 0
        return .proceed
    }

    /// All of an update or nothing of it: its levels are decoded before this is called.
    private mutating func apply(
        _ header: DepthHeader, _ bids: [PriceLevel], _ asks: [PriceLevel], into events: inout EventBatch
    ) -> Application {
        let next = book.updateID + 1
        if header.last < next {
            if phase == .live { counts.depthIgnoredOld += 1 } else { counts.depthCoveredBySnapshot += 1 }
            return .alreadyContained
        }
        guard header.first <= next else {
            counts.gaps += 1
            return .hole
        }
        if header.first < next, phase == .live { counts.overlaps += 1 }
        for level in bids { book.setBid(level.price, to: level.quantity) }
        for level in asks { book.setAsk(level.price, to: level.quantity) }
        book.commit(updateID: header.last)
        guard !book.isCrossed else {
            counts.crossedBooks += 1
            return .crossed
        }
        phase = .live
        counts.depthApplied += 1
        events.append(
            book: book, depth: depthPublished, instrument: id, times: header.times, epoch: epoch, validity: .valid)
        return .applied
    }

    // MARK: Waiting for a snapshot

    private mutating func restart(holding update: PendingUpdate) -> VenueAction {
        book.reset(updateID: 0)
        phase = .awaitingSnapshot
        hold(update)
        return .fetchSnapshot(id)
    }

    private mutating func hold(_ update: PendingUpdate) {
        if let newest = pending.last?.header {
            guard update.header.last > newest.last else {
                counts.depthIgnoredOld += 1
                return
            }
            if update.header.first > newest.last + 1 {
                // A snapshot behind the hole covers what is before it; one before the hole is of no use.
                counts.gaps += 1
                dropPending()
            } else if update.header.first <= newest.last {
                counts.overlaps += 1
            }
        }
        counts.depthBuffered += 1
        pending.append(update)
        pendingBytes += update.byteCount
        var excess = 0
        while pending.count - excess > 1,
            pending.count - excess > pendingUpdateLimit || pendingBytes > pendingByteLimit
        {
            pendingBytes -= pending[excess].byteCount
            excess += 1
        }
        pending.removeFirst(excess)
        counts.depthDropped += UInt64(excess)
    }

    private mutating func dropPending() {
        counts.depthDropped += UInt64(pending.count)
        pending = []
        pendingBytes = 0
    }
}
