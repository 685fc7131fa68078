import Microstructure

/// Accepts recorded depth as rows instead of the venue's text: same rules, same counts.
extension BinanceSession {
    /// Applies a depth update with the changes `first` to `last`; a size of 0 removes a level.
    ///
    /// Throws `.rejected` if the ids descend, a price is not positive or a size is negative; then only the counts have
    /// changed.
    public mutating func receive(
        depthFrom first: Int64, to last: Int64, bids: [PriceLevel], asks: [PriceLevel], of id: InstrumentID,
        times: EventTimes, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        guard books.indices.contains(id.index) else { throw .unknownInstrument(id) }
        books[id.index].counts.messages += 1
        guard 0 <= first, first <= last, last < .max, Self.areUsable(bids), Self.areUsable(asks) else {
            books[id.index].counts.rejections[.outOfRange] += 1
            throw .rejected(Rejection(.outOfRange, in: .depthUpdate, of: id, at: 0))
        }
        (self.bids, self.asks) = (bids, asks)
        return process(
            DepthHeader(first: first, last: last, times: times), id.index, from: .main, into: &events)
    }

    /// Applies the snapshot of the book up to the change `lastUpdateID`, like `receiveSnapshot(_:for:at:into:)`.
    public mutating func receiveSnapshot(
        upTo lastUpdateID: Int64, bids: [PriceLevel], asks: [PriceLevel], for id: InstrumentID,
        into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        guard books.indices.contains(id.index) else { throw .unknownInstrument(id) }
        guard 0 <= lastUpdateID, lastUpdateID < .max, Self.areUsable(bids), Self.areUsable(asks) else {
            books[id.index].counts.snapshotRejections[.outOfRange] += 1
            throw .rejected(Rejection(.outOfRange, in: .snapshot, of: id, at: 0))
        }
        return books[id.index].receiveSnapshot(
            lastUpdateID: lastUpdateID, bids: bids, asks: asks, validity: bookValidity(id.index), into: &events)
    }

    private static func areUsable(_ levels: [PriceLevel]) -> Bool {
        levels.allSatisfy { $0.price.mantissa > 0 && $0.quantity.mantissa >= 0 }
    }
}
