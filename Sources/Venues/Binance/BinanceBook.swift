import Microstructure

/// The header of a depth update, without its levels.
struct DepthHeader {
    /// Ids of the first and the last change contained (`U`, `u`).
    var first: Int64
    var last: Int64
    var times: EventTimes
}

/// Maintains the verified order book of one instrument and flags it when it cannot be trusted.
///
/// Updates are held until a snapshot arrives; the first one applied straddles the snapshot's id, and each further
/// update must join its predecessor. A sequence gap or a crossed book discards the book: it is emptied, a new snapshot
/// is requested, and the offending update is the first held for the next book. While two connections overlap, an update
/// that is ahead waits until the other connection has delivered the updates between, or has passed them too.
///
/// Levels beyond a snapshot's limited depth are unknown. While the published levels are still well within that depth, a
/// further snapshot is requested and a shadow book is built from it beside the live book, from the same updates. When
/// it has caught up it replaces the live book, under the same epoch. If the two differ, or the depth is exhausted
/// before that, the book is discarded.
///
/// A book is a kilobyte, mostly counters, so methods called per update are inlined: a call would copy the book.
/// Source: Binance, "How to manage a local order book correctly" (spot WebSocket streams, 2026-06-09).
struct BinanceBook: Sendable {
    enum Phase {
        /// No connection. The book may still show its last state.
        case disconnected
        /// Connected; no depth update has arrived yet.
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

        /// Copies the levels: the source arrays are scratch space, with capacity for far longer updates.
        init(_ header: DepthHeader, bids: [PriceLevel], asks: [PriceLevel]) {
            self.header = header
            self.bids = bids.withUnsafeBufferPointer { Array($0) }
            self.asks = asks.withUnsafeBufferPointer { Array($0) }
        }

        var byteCount: Int {
            MemoryLayout<PendingUpdate>.stride + (bids.count + asks.count) * MemoryLayout<PriceLevel>.stride
        }
    }

    /// Longest time an update waits for another connection, which may be silent.
    static let aheadNanoseconds: Int64 = 1_000_000_000

    private enum Application { case applied, alreadyContained, hole, crossed, exhausted, refuted }

    let id: InstrumentID
    private let tickSize: Int64
    let depthPublished: Int
    let snapshotDepth: Int
    /// A further snapshot is requested when this part of a snapshot's depth is left below the published levels.
    let reserveDivisor: Int
    /// Whether a snapshot may end where the oldest update held begins: futures name the change before it.
    private let joinsPredecessor: Bool
    private let pendingUpdateLimit: Int
    private let pendingByteLimit: Int

    var book: OrderBook
    private(set) var epoch: UInt64 = 0
    var phase = Phase.disconnected
    /// Updates waiting for the snapshot, each joining its predecessor. Limits: `BinanceConfiguration`.
    private(set) var pending: [PendingUpdate] = []
    private var pendingBytes = 0
    /// Updates ahead of the book, in order, while another connection may deliver the missing ones. Limited to the size
    /// of `pending` and to `aheadNanoseconds`; beyond either, the gap counts as real.
    private(set) var ahead: [PendingUpdate] = []
    private(set) var positions = StreamPositions()
    /// The worst prices in the snapshot; `nil` if the snapshot had the whole side.
    var lowestKnownBid: Price?
    var highestKnownAsk: Price?
    /// The book being built from a deeper snapshot to replace this one: none or one (an array, since a struct cannot
    /// contain itself). It has its own counts and publishes nothing.
    var shadows: [BinanceBook] = []
    /// A shadow book gets its updates from the live book only.
    private let isShadow: Bool
    var counts = SessionCounts()

    init(_ id: InstrumentID, _ configuration: borrowing BinanceConfiguration) {
        self.id = id
        tickSize = configuration.instruments[id.index].tickSize
        isShadow = false
        depthPublished = configuration.depthPublished
        snapshotDepth = configuration.snapshotDepth
        reserveDivisor = configuration.market.snapshotReserve
        joinsPredecessor = configuration.market.isFutures
        pendingUpdateLimit = configuration.pendingUpdateLimit
        pendingByteLimit = configuration.pendingByteLimit
        book = OrderBook(levelLimit: configuration.bookLevelLimit)
    }

    /// Creates a shadow book that begins with the next update.
    init(shadowOf other: borrowing BinanceBook) {
        id = other.id
        tickSize = other.tickSize
        isShadow = true
        depthPublished = other.depthPublished
        snapshotDepth = other.snapshotDepth
        reserveDivisor = other.reserveDivisor
        joinsPredecessor = other.joinsPredecessor
        pendingUpdateLimit = other.pendingUpdateLimit
        pendingByteLimit = other.pendingByteLimit
        book = OrderBook(levelLimit: other.book.levelLimit)
        phase = .idle
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

    /// One connection of several has ended.
    mutating func connectionClosed(_ connection: ConnectionID) { positions.forget(connection) }

    /// The last connection has ended.
    mutating func disconnect() {
        if isLoaded { counts.resyncs += 1 }
        counts.depthDropped += UInt64(ahead.count)
        ahead = []
        shadows = []
        positions = StreamPositions()
        dropPending()
        phase = .disconnected
    }

    /// Whether an update follows its predecessors without a gap, as far as can be known.
    @inline(__always)
    func isJoined(by header: DepthHeader) -> Bool {
        switch phase {
        case .disconnected, .idle: true
        case .awaitingSnapshot: header.first <= (pending.last?.header.last ?? .max - 1) + 1
        case .awaitingStraddle, .live: header.first <= book.updateID + 1
        }
    }

    /// Whether a snapshot that failed is still needed.
    mutating func snapshotFailed() -> VenueAction {
        counts.snapshotsFailed += 1
        return phase == .awaitingSnapshot || awaitsDeeperSnapshot ? .fetchSnapshot(id) : .proceed
    }

    /// Applies a depth update, or holds it until a snapshot comes.
    mutating func receive(
        _ header: DepthHeader, bids: [PriceLevel], asks: [PriceLevel], from connection: ConnectionID,
        validity: Validity, into events: inout EventBatch
    ) -> VenueAction {
        counts.depthUpdates += 1
        positions.note(header.last, on: connection)
        switch phase {
        case .disconnected, .idle:
            // Requested only now: the first update held must be older than the snapshot.
            return restart(holding: PendingUpdate(header, bids: bids, asks: asks))
        case .awaitingSnapshot:
            hold(PendingUpdate(header, bids: bids, asks: asks))
            return .proceed
        case .awaitingStraddle, .live:
            if header.first > book.updateID + 1, !positions.areAllBeyond(book.updateID + 1),
                ahead.count < pendingUpdateLimit,
                header.times.receive.nanoseconds(since: ahead.first?.header.times.receive ?? header.times.receive)
                    < Self.aheadNanoseconds
            {
                wait(PendingUpdate(header, bids: bids, asks: asks))
                return .proceed
            }
            let didAwait = awaitsDeeperSnapshot
            switch apply(header, bids, asks, validity, into: &events) {
            case .applied, .alreadyContained:
                let action = ahead.isEmpty ? .proceed : applyAhead(validity, into: &events)
                return action == .proceed && awaitsDeeperSnapshot && !didAwait ? .fetchSnapshot(id) : action
            case .hole, .crossed, .exhausted, .refuted:
                counts.resyncs += 1
                return restart(holding: PendingUpdate(header, bids: bids, asks: asks))
            }
        }
    }

    /// Loads a snapshot and applies the updates held for it.
    mutating func receiveSnapshot(
        lastUpdateID: Int64, bids: [PriceLevel], asks: [PriceLevel], validity: Validity,
        into events: inout EventBatch
    ) -> VenueAction {
        guard phase == .awaitingSnapshot, let oldest = pending.first else {
            return receiveDeeperSnapshot(lastUpdateID, bids, asks, into: &events)
        }
        guard lastUpdateID >= oldest.header.first - (joinsPredecessor ? 1 : 0) else {
            counts.snapshotsTooOld += 1
            return .fetchSnapshot(id)
        }
        book.reset(updateID: lastUpdateID)
        // Worst price first: each level is appended to its side, and nothing moves.
        for level in bids.reversed() { book.setBid(level.price, to: level.quantity) }
        for level in asks.reversed() { book.setAsk(level.price, to: level.quantity) }
        book.commit(updateID: lastUpdateID)
        guard !book.isCrossed else {
            counts.snapshotsCrossed += 1
            book.reset(updateID: 0)
            return .fetchSnapshot(id)
        }
        lowestKnownBid = bids.count >= snapshotDepth ? bids.map(\.price).min() : nil
        highestKnownAsk = asks.count >= snapshotDepth ? asks.map(\.price).max() : nil
        counts.snapshots += 1
        epoch += 1
        phase = .awaitingStraddle
        return applyPending(validity, into: &events)
    }

    private var isLoaded: Bool { phase == .awaitingStraddle || phase == .live }

    private mutating func applyPending(_ validity: Validity, into events: inout EventBatch) -> VenueAction {
        for (index, update) in pending.enumerated() {
            switch apply(update.header, update.bids, update.asks, validity, into: &events) {
            case .applied, .alreadyContained:
                continue
            case .hole, .crossed, .exhausted, .refuted:
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
        return awaitsDeeperSnapshot ? .fetchSnapshot(id) : .proceed
    }

    /// Applies an update completely or not at all: its levels are decoded before this is called.
    private mutating func apply(
        _ header: DepthHeader, _ bids: [PriceLevel], _ asks: [PriceLevel], _ validity: Validity,
        into events: inout EventBatch
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
        book.setBids(bids)
        book.setAsks(asks)
        book.commit(updateID: header.last)
        guard !book.isCrossed else {
            counts.crossedBooks += 1
            return .crossed
        }
        guard !isDepthExhausted else {
            counts.exhaustedBooks += 1
            return .exhausted
        }
        phase = .live
        guard !isShadow else { return .applied }
        guard updateShadow(header, bids, asks) else {
            counts.refutedBooks += 1
            return .refuted
        }
        counts.depthApplied += 1
        events.append(
            book: book, depth: depthPublished, instrument: id, tickSize: tickSize, times: header.times, epoch: epoch,
            validity: validity)
        return .applied
    }

    /// Whether published levels lie beyond the depth of the snapshot.
    @inline(__always)
    private var isDepthExhausted: Bool { isBeyondSnapshot(level: depthPublished) }

    /// Whether some of the best `count` levels lie beyond the depth of the snapshot.
    @inline(__always)
    func isBeyondSnapshot(level count: Int) -> Bool {
        if let lowestKnownBid {
            guard book.bids.count >= count else { return true }
            if book.bids[count - 1].price < lowestKnownBid { return true }
        }
        if let highestKnownAsk {
            guard book.asks.count >= count else { return true }
            if highestKnownAsk < book.asks[count - 1].price { return true }
        }
        return false
    }

    // MARK: Two connections

    private mutating func wait(_ update: PendingUpdate) {
        let index = ahead.firstIndex { $0.header.first >= update.header.first } ?? ahead.count
        if index < ahead.count, ahead[index].header.last == update.header.last {
            counts.depthIgnoredOld += 1
        } else {
            ahead.insert(update, at: index)
        }
    }

    /// Applies waiting updates that now join; a gap that no connection will fill discards the book.
    private mutating func applyAhead(_ validity: Validity, into events: inout EventBatch) -> VenueAction {
        while let update = ahead.first, update.header.first <= book.updateID + 1 {
            ahead.removeFirst()
            switch apply(update.header, update.bids, update.asks, validity, into: &events) {
            case .applied, .alreadyContained: continue
            case .hole, .crossed, .exhausted, .refuted:
                counts.resyncs += 1
                return restart(holding: update)
            }
        }
        guard let update = ahead.first, positions.areAllBeyond(book.updateID + 1) else { return .proceed }
        ahead.removeFirst()
        counts.gaps += 1
        counts.resyncs += 1
        return restart(holding: update)
    }

    // MARK: Waiting for a snapshot

    private mutating func restart(holding update: PendingUpdate) -> VenueAction {
        book.reset(updateID: 0)
        shadows = []
        phase = .awaitingSnapshot
        let waiting = ahead
        ahead = []
        for earlier in waiting where earlier.header.first < update.header.first { hold(earlier) }
        hold(update)
        for later in waiting where later.header.first >= update.header.first { hold(later) }
        return .fetchSnapshot(id)
    }

    private mutating func hold(_ update: PendingUpdate) {
        if let newest = pending.last?.header {
            guard update.header.last > newest.last else {
                counts.depthIgnoredOld += 1
                return
            }
            if update.header.first > newest.last + 1 {
                // A snapshot after the gap covers the updates before it; a snapshot before the gap is useless.
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
