import Microstructure

/// Refreshes a live book with a deeper snapshot before its depth is exhausted, using a shadow book.
extension BinanceBook {
    /// Whether a shadow book waits for its snapshot.
    var awaitsDeeperSnapshot: Bool { !shadows.isEmpty && shadows[0].phase == .awaitingSnapshot }

    /// Passes an applied update to the shadow book, starts one if known levels run short, and promotes it when it has
    /// caught up; `false` if the two books then differ.
    mutating func updateShadow(_ header: DepthHeader, _ bids: [PriceLevel], _ asks: [PriceLevel]) -> Bool {
        if shadows.isEmpty {
            let reserve = (snapshotDepth - depthPublished) / reserveDivisor
            guard reserve > 0, isBeyondSnapshot(level: depthPublished + reserve) else { return true }
            shadows = [BinanceBook(shadowOf: self)]
        }
        var unpublished = EventBatch()
        _ = shadows[0].receive(header, bids: bids, asks: asks, from: .main, validity: .valid, into: &unpublished)
        return promoteShadow()
    }

    /// Passes a snapshot that this book does not need to a waiting shadow book, if there is one.
    mutating func receiveDeeperSnapshot(
        _ lastUpdateID: Int64, _ bids: [PriceLevel], _ asks: [PriceLevel], into events: inout EventBatch
    ) -> VenueAction {
        guard phase == .live, awaitsDeeperSnapshot else {
            counts.snapshotsIgnored += 1
            return .proceed
        }
        var unpublished = EventBatch()
        let action = shadows[0].receiveSnapshot(
            lastUpdateID: lastUpdateID, bids: bids, asks: asks, validity: .valid, into: &unpublished)
        counts.snapshotsTooOld += shadows[0].counts.snapshotsTooOld
        counts.snapshotsCrossed += shadows[0].counts.snapshotsCrossed
        shadows[0].counts = SessionCounts()
        guard action == .proceed else { return action }
        if !promoteShadow() {
            // The next update requests a new one.
            counts.refutedBooks += 1
            counts.resyncs += 1
            book.reset(updateID: 0)
            phase = .idle
        }
        return .proceed
    }

    /// Replaces this book by a shadow book that has caught up. `false` if they differ: one is wrong, and nothing tells
    /// which.
    private mutating func promoteShadow() -> Bool {
        guard !shadows.isEmpty, shadows[0].phase == .live, shadows[0].book.updateID == book.updateID else {
            return true
        }
        let shadow = shadows.removeLast()
        for index in 0..<depthPublished {
            func level(_ side: BookSide) -> PriceLevel? { index < side.count ? side[index] : nil }
            guard level(book.bids) == level(shadow.book.bids), level(book.asks) == level(shadow.book.asks) else {
                return false
            }
        }
        book = shadow.book
        lowestKnownBid = shadow.lowestKnownBid
        highestKnownAsk = shadow.highestKnownAsk
        counts.widenings += 1
        return true
    }
}
