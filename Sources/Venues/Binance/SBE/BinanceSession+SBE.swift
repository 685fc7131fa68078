import Microstructure

/// Reads the binary frames of the spot market. They say what the JSON streams say, with two differences: several trades
/// may share a frame, and quotes have a time.
///
/// Acknowledgements, errors and `serverShutdown` come as JSON text. Partial books (`depth20`) and messages of another
/// schema are counted as events that nobody wants.
extension BinanceSession {
    mutating func receive(
        binary bytes: UnsafeBufferPointer<UInt8>, from connection: ConnectionID, at time: Timestamp,
        into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        let frame: SBEFrame
        do throws(ScanError) {
            guard let known = try SBEFrame(bytes) else {
                unattributedCounts.messages += 1
                unattributedCounts.unknownEvents += 1
                return .proceed
            }
            frame = known
        } catch {
            throw reject(error, .frame, -1)
        }
        let index = symbols.index(of: frame.symbol)
        guard index >= 0 else {
            unattributedCounts.messages += 1
            unattributedCounts.unknownStreams += 1
            return .proceed
        }
        do throws(ScanError) {
            switch frame.template {
            case .depth:
                let header = try frame.depth(of: scales[index], at: time, bids: &bids, asks: &asks)
                books[index].counts.messages += 1
                return process(header, index, from: connection, into: &events)
            case .trades:
                return try receiveTrades(frame, index, at: time, into: &events)
            case .bestBidAsk:
                let quote = try frame.quote(of: InstrumentID(index), scales[index], at: time)
                books[index].counts.messages += 1
                process(quote, into: &events)
                return .proceed
            case .depth20:
                books[index].counts.messages += 1
                books[index].counts.unknownEvents += 1
                return .proceed
            }
        } catch {
            throw reject(error, frame.template.payload, index)
        }
    }

    /// Passes on all trades of a frame, or none. Each counts as a message; a frame without trades is an event that says
    /// nothing.
    private mutating func receiveTrades(
        _ frame: borrowing SBEFrame, _ index: Int, at time: Timestamp, into events: inout EventBatch
    ) throws(ScanError) -> VenueAction {
        let count = frame.entries.count
        let scale = scales[index]
        for entry in 0..<count { _ = try frame.trade(entry, of: InstrumentID(index), scale, at: time) }
        guard count > 0 else {
            books[index].counts.messages += 1
            books[index].counts.unknownEvents += 1
            return .proceed
        }
        var action = VenueAction.proceed
        for entry in 0..<count {
            let trade = try frame.trade(entry, of: InstrumentID(index), scale, at: time)
            books[index].counts.messages += 1
            let next = process(trade, into: &events)
            if action == .proceed { action = next }
        }
        return action
    }

    /// Counts a frame that cannot be read. Where its symbol was not reached, it belongs to no instrument.
    private mutating func reject(_ error: ScanError, _ payload: PayloadKind, _ index: Int) -> VenueError {
        let kind = RejectionKind(error.kind)
        withCounts(of: index) { counts in
            counts.messages += 1
            counts.rejections[kind] += 1
        }
        let owner = index >= 0 ? InstrumentID(index) : nil
        return .rejected(Rejection(kind, in: payload, of: owner, at: error.offset))
    }
}
