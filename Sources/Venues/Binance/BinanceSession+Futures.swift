import Microstructure

/// What futures send otherwise than spot: chained depth updates, quotes with times, and trades that did not happen in
/// the book.
///
/// Update ids are of the whole market, so `U` says nothing of what lies before it: on the recordings of 2024-08-08 it is
/// one above `pu` in 2,168 of 62,893 updates. `pu` is the previous update's `u`, in 62,889 of 62,889. So the header
/// begins at `pu + 1`, and a book joins its snapshot `L` where `pu ≤ L ≤ u`: the venue's `U ≤ L ≤ u`, its `pu = L`, and
/// an `L` that another instrument's change has taken between `pu` and `U`.
///
/// Source: Binance USD-M and COIN-M futures, WebSocket market streams, 2026-09.
extension BinanceFrame {
    /// Like `kind`, but the stream's name decides: partial books and `rpiDepth` say `depthUpdate` too.
    var futuresKind: BinanceEvent { streamEvent == .other ? .other : kind }

    /// The header of a depth update. Its venue time is `T`, when the book changed, as it is of trades and quotes.
    func futuresHeader(
        in unit: VenueTimeUnit, _ scanner: inout JSONScanner, at time: Timestamp
    ) throws(VenueError) -> DepthHeader {
        DepthHeader(
            first: try predecessor(&scanner) + 1, last: try identifier("u", &scanner),
            times: EventTimes(venue: try self.time("T", in: unit, &scanner), receive: time))
    }

    /// Whether a trade did not happen in the book: `X` says so.
    ///
    /// `MARKET` (39,407 of 39,407 recorded on 2024-08-08) and `RPI` (retail price improvement) are executions of
    /// resting orders. `INSURANCE_FUND` and `ADL` hand on a liquidated position at a price that may be far from the
    /// market; the venue's own lists of trades leave them out. `NA` has price and size 0: an id without a trade, about
    /// one in 270 of BTCUSDT in 2026. A word that is not known counts as an execution.
    func isOutsideBook(_ scanner: inout JSONScanner) throws(VenueError) -> Bool {
        guard has("X") else { return false }
        scanner.position = offset(of: "X")
        do throws(ScanError) {
            guard try scanner.peek() == .string else { throw ScanError(.wrongType, at: scanner.position) }
            let type = try scanner.string()
            return scanner.equals(type, "NA") || scanner.equals(type, "INSURANCE_FUND") || scanner.equals(type, "ADL")
        } catch {
            throw rejection(RejectionKind(error.kind), "X")
        }
    }
}

extension BinanceSession {
    /// Notes a trade that did not happen in the book: an event that nobody wants, but its id is not missing.
    mutating func process(outsideBook id: Int64, _ index: Int, times: EventTimes) -> VenueAction {
        books[index].counts.unknownEvents += 1
        guard let action = admit(id, index, times) else { return .proceed }
        // Aggregates leave its size out.
        quantities[index].note(id, .zero)
        return action
    }
}
