import Microstructure

/// A live book that is told more levels before it needs them.
extension BinanceBook {
    /// The part of a snapshot's depth that is left below the published levels when a further one is asked for: a quarter.
    private static let reserve = 4

    /// Whether a successor waits for its snapshot.
    var owesSuccessor: Bool { !successors.isEmpty && successors[0].phase == .awaitingSnapshot }

    /// Hands an update that was applied to the successor, begins one where the known levels run short, and lets it take over
    /// when it has caught up; `false` where it then shows another book.
    mutating func growSuccessor(_ header: DepthHeader, _ bids: [PriceLevel], _ asks: [PriceLevel]) -> Bool {
        if successors.isEmpty {
            let reserve = (snapshotDepth - depthPublished) / Self.reserve
            guard reserve > 0, isUnknown(level: depthPublished + reserve) else { return true }
            successors = [BinanceBook(successorOf: self)]
        }
        var unpublished = EventBatch()
        _ = successors[0].receive(header, bids: bids, asks: asks, from: .main, validity: .valid, into: &unpublished)
        return takeOver()
    }

    /// A snapshot that this book does not need may be its successor's.
    mutating func widen(
        _ lastUpdateID: Int64, _ bids: [PriceLevel], _ asks: [PriceLevel], into events: inout EventBatch
    ) -> VenueAction {
        guard phase == .live, owesSuccessor else {
            counts.snapshotsIgnored += 1
            return .proceed
        }
        var unpublished = EventBatch()
        let action = successors[0].receiveSnapshot(
            lastUpdateID: lastUpdateID, bids: bids, asks: asks, validity: .valid, into: &unpublished)
        counts.snapshotsTooOld += successors[0].counts.snapshotsTooOld
        counts.snapshotsCrossed += successors[0].counts.snapshotsCrossed
        successors[0].counts = SessionCounts()
        guard action == .proceed else { return action }
        if !takeOver() {
            // The next update asks for a new one.
            counts.refutedBooks += 1
            counts.resyncs += 1
            book.reset(updateID: 0)
            phase = .idle
        }
        return .proceed
    }

    /// Lets a successor that has caught up take this book's place. `false` where it differs: one of the two is wrong, and
    /// none can tell which.
    private mutating func takeOver() -> Bool {
        guard !successors.isEmpty, successors[0].phase == .live, successors[0].book.updateID == book.updateID else {
            return true
        }
        let successor = successors.removeLast()
        for place in 0..<depthPublished {
            func level(_ side: BookSide) -> PriceLevel? { place < side.count ? side[place] : nil }
            guard level(book.bids) == level(successor.book.bids), level(book.asks) == level(successor.book.asks) else {
                return false
            }
        }
        book = successor.book
        lowestKnownBid = successor.lowestKnownBid
        highestKnownAsk = successor.highestKnownAsk
        counts.widenings += 1
        return true
    }
}
