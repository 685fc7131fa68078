import Microstructure

/// Decodes the frames that are not in canonical form, and what is no market event.
extension BinanceSession {
    mutating func receiveDepth(
        _ frame: borrowing BinanceFrame, _ scanner: inout JSONScanner, _ index: Int, from connection: ConnectionID,
        at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        guard frame.event == .depthUpdate else { throw frame.rejection(.missingField, "e") }
        if !frame.hasDecodedBids { try frame.levels("b", of: scales[index], &scanner, into: &bids) }
        if !frame.hasDecodedAsks { try frame.levels("a", of: scales[index], &scanner, into: &asks) }
        let header =
            configuration.market.isFutures
            ? try frame.futuresHeader(in: configuration.timeUnit, &scanner, at: time)
            : DepthHeader(
                first: try frame.identifier("U", &scanner), last: try frame.identifier("u", &scanner),
                times: EventTimes(
                    venue: try frame.time("E", in: configuration.timeUnit, &scanner), receive: time))
        guard header.first <= header.last else { throw frame.rejection(.outOfRange, "u") }
        return process(header, index, from: connection, into: &events)
    }

    mutating func receiveTrade(
        _ frame: borrowing BinanceFrame, _ scanner: inout JSONScanner, _ index: Int, at time: Timestamp,
        into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        guard frame.event == .trade else { throw frame.rejection(.missingField, "e") }
        let id = try frame.identifier("t", &scanner)
        if configuration.market.isFutures, try frame.isOutsideBook(&scanner) {
            let venueTime = try frame.time("T", in: configuration.timeUnit, &scanner)
            return process(outsideBook: id, index, times: EventTimes(venue: venueTime, receive: time))
        }
        let price = try frame.decimal("p", exponent: scales[index].price, atLeast: 1, &scanner)
        let quantity = try frame.decimal("q", exponent: scales[index].quantity, atLeast: 1, &scanner)
        let venueTime = try frame.time("T", in: configuration.timeUnit, &scanner)
        let isBuyerMaker = try frame.boolean("m", &scanner)
        return process(
            Trade(
                instrument: InstrumentID(index), times: EventTimes(venue: venueTime, receive: time), id: id,
                price: Price(price), quantity: Quantity(quantity), aggressor: isBuyerMaker ? .sell : .buy),
            into: &events)
    }

    mutating func receiveQuote(
        _ frame: borrowing BinanceFrame, _ scanner: inout JSONScanner, _ index: Int, at time: Timestamp,
        into events: inout EventBatch
    ) throws(VenueError) {
        let updateID = try frame.identifier("u", &scanner)
        let scale = scales[index]
        let bid = try frame.decimal("b", exponent: scale.price, atLeast: 0, &scanner)
        let bidSize = try frame.decimal("B", exponent: scale.quantity, atLeast: 0, &scanner)
        let ask = try frame.decimal("a", exponent: scale.price, atLeast: 0, &scanner)
        let askSize = try frame.decimal("A", exponent: scale.quantity, atLeast: 0, &scanner)
        // Spot quotes have no time of their own.
        let venueTime =
            configuration.market.isFutures ? try frame.time("T", in: configuration.timeUnit, &scanner) : time
        process(
            Quote(
                instrument: InstrumentID(index), times: EventTimes(venue: venueTime, receive: time), updateID: updateID,
                bid: PriceLevel(price: Price(bid), quantity: Quantity(bidSize)),
                ask: PriceLevel(price: Price(ask), quantity: Quantity(askSize))),
            into: &events)
    }

    /// Handles acknowledgements, the venue's errors, and frames of an unknown kind.
    mutating func receiveOther(
        _ frame: borrowing BinanceFrame, _ scanner: JSONScanner
    ) throws(VenueError) -> VenueAction {
        if let code = frame.errorCode {
            var message = ""
            if let text = frame.errorMessage { message = scanner.text(of: text) }
            throw .refused(code: code, message: message)
        }
        let symbol = frame.symbol
        let isAcknowledgement = frame.isAcknowledgement
        withCounts(of: symbol) { counts in
            if isAcknowledgement {
                counts.acknowledgements += 1
            } else if symbol == -1 {
                counts.unknownStreams += 1
            } else {
                counts.unknownEvents += 1
            }
        }
        return .proceed
    }
}
