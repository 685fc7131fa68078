public import Microstructure

// Market events ↔ their messages. Reading checks everything that a later stage would trust.

extension Validity {
    var proto: ProtoValidity {
        switch self {
        case .valid: .valid
        case .resyncing: .resyncing
        case .stale: .stale
        }
    }

    init(_ proto: ProtoValidity) throws(WireError) {
        switch proto {
        case .valid: self = .valid
        case .resyncing: self = .resyncing
        case .stale: self = .stale
        case .unspecified, .UNRECOGNIZED: throw .invalidField("validity")
        }
    }
}

extension ProtoBook {
    /// Most levels a side that a reader takes.
    public static let levelLimit = 5_000

    /// The columns of `update`, whose levels lie in `levels` (those of its batch).
    public init(_ update: BookSnapshot, levels: Span<PriceLevel>, instrument: Instrument) {
        self.init()
        bidPrices.reserveCapacity(update.bids.count)
        bidQuantities.reserveCapacity(update.bids.count)
        for index in update.bids {
            bidPrices.append(levels[index].price.mantissa)
            bidQuantities.append(levels[index].quantity.mantissa)
        }
        askPrices.reserveCapacity(update.asks.count)
        askQuantities.reserveCapacity(update.asks.count)
        for index in update.asks {
            askPrices.append(levels[index].price.mantissa)
            askQuantities.append(levels[index].quantity.mantissa)
        }
        priceExponent = Int32(instrument.priceExponent)
        quantityExponent = Int32(instrument.quantityExponent)
        venueTimeNs = update.times.venue.nanoseconds
        receiveTimeNs = update.times.receive.nanoseconds
        bookEpoch = update.epoch
        validity = update.validity.proto
        updateID = update.updateID
        tickSize = instrument.tickSize
    }
}

extension ProtoQuote {
    public init(_ quote: Quote, instrument: Instrument) {
        self.init()
        bidPrice = quote.bid.price.mantissa
        bidQuantity = quote.bid.quantity.mantissa
        askPrice = quote.ask.price.mantissa
        askQuantity = quote.ask.quantity.mantissa
        priceExponent = Int32(instrument.priceExponent)
        quantityExponent = Int32(instrument.quantityExponent)
        venueTimeNs = quote.times.venue.nanoseconds
        receiveTimeNs = quote.times.receive.nanoseconds
        updateID = quote.updateID
    }
}

extension ProtoTrade {
    public init(_ trade: Trade, instrument: Instrument) {
        self.init()
        id = trade.id
        price = trade.price.mantissa
        quantity = trade.quantity.mantissa
        aggressor = trade.aggressor == .buy ? .buy : .sell
        priceExponent = Int32(instrument.priceExponent)
        quantityExponent = Int32(instrument.quantityExponent)
        venueTimeNs = trade.times.venue.nanoseconds
        receiveTimeNs = trade.times.receive.nanoseconds
        backfilled = trade.isBackfilled
        if trade.firstID != trade.id { firstID = trade.firstID }
    }
}

extension ProtoEnvelope {
    /// The receive time of the event, which orders a tape. For a signal: the receive time of the event that completed
    /// it; for payloads without a receive time: the sent time.
    public var receiveTime: Timestamp {
        switch payload {
        case .book(let book): Timestamp(nanoseconds: book.receiveTimeNs)
        case .quote(let quote): Timestamp(nanoseconds: quote.receiveTimeNs)
        case .trade(let trade): Timestamp(nanoseconds: trade.receiveTimeNs)
        case .status(let status): Timestamp(nanoseconds: status.receiveTimeNs)
        case .featureVector(let vector): Timestamp(nanoseconds: vector.receiveTimeNs)
        case .signal(let signal): Timestamp(nanoseconds: signal.detectedTimeNs)
        case .detectorState(let state): Timestamp(nanoseconds: state.receiveTimeNs)
        case .featureSchema, nil: Timestamp(nanoseconds: sentTimeNs)
        }
    }

    /// The decimal scale that the payload states, `nil` for payloads without prices.
    /// Throws `.invalidField` for exponents outside `Instrument.exponentRange`.
    public func exponents() throws(WireError) -> (price: Int8, quantity: Int8)? {
        let (price, quantity): (Int32, Int32)
        switch payload {
        case .book(let book): (price, quantity) = (book.priceExponent, book.quantityExponent)
        case .quote(let quote): (price, quantity) = (quote.priceExponent, quote.quantityExponent)
        case .trade(let trade): (price, quantity) = (trade.priceExponent, trade.quantityExponent)
        case .status, .featureVector, .signal, .detectorState, .featureSchema, nil: return nil
        }
        guard let price = Int8(exactly: price), Instrument.exponentRange.contains(price) else {
            throw .invalidField("price_exponent")
        }
        guard let quantity = Int8(exactly: quantity), Instrument.exponentRange.contains(quantity) else {
            throw .invalidField("quantity_exponent")
        }
        return (price, quantity)
    }
}

extension EventBatch {
    /// Appends the market event of `envelope`, as an event of `instrument`. Returns `false` if the payload is not a
    /// market event. On an error nothing is appended.
    @discardableResult
    public mutating func append(_ envelope: ProtoEnvelope, as instrument: InstrumentID) throws(WireError) -> Bool {
        switch envelope.payload {
        case .book(let book): try append(book, as: instrument)
        case .quote(let quote): append(.quote(Quote(quote, instrument: instrument)))
        case .trade(let trade): append(.trade(try Trade(trade, instrument: instrument)))
        case .status(let status): append(.heartbeat(try Heartbeat(status, instrument: instrument)))
        case .featureVector, .signal, .detectorState, .featureSchema, nil: return false
        }
        return true
    }

    private mutating func append(_ book: ProtoBook, as instrument: InstrumentID) throws(WireError) {
        guard book.bidPrices.count == book.bidQuantities.count, book.bidPrices.count <= ProtoBook.levelLimit else {
            throw .invalidField("bid columns")
        }
        guard book.askPrices.count == book.askQuantities.count, book.askPrices.count <= ProtoBook.levelLimit else {
            throw .invalidField("ask columns")
        }
        let validity = try Validity(book.validity)
        let bids = append(prices: book.bidPrices, quantities: book.bidQuantities)
        let asks = append(prices: book.askPrices, quantities: book.askQuantities)
        append(
            .book(
                BookSnapshot(
                    instrument: instrument,
                    times: EventTimes(
                        venue: Timestamp(nanoseconds: book.venueTimeNs),
                        receive: Timestamp(nanoseconds: book.receiveTimeNs)),
                    epoch: book.bookEpoch, updateID: book.updateID, validity: validity,
                    // Producers that do not know the step send 0: then the step is one price unit.
                    tickSize: max(1, book.tickSize), bids: bids, asks: asks)))
    }

    private mutating func append(prices: [Int64], quantities: [Int64]) -> Range<Int> {
        let start = levels.count
        for index in prices.indices {
            append(level: PriceLevel(price: Price(prices[index]), quantity: Quantity(quantities[index])))
        }
        return start..<levels.count
    }
}

extension Quote {
    init(_ proto: ProtoQuote, instrument: InstrumentID) {
        self.init(
            instrument: instrument,
            times: EventTimes(
                venue: Timestamp(nanoseconds: proto.venueTimeNs), receive: Timestamp(nanoseconds: proto.receiveTimeNs)),
            updateID: proto.updateID,
            bid: PriceLevel(price: Price(proto.bidPrice), quantity: Quantity(proto.bidQuantity)),
            ask: PriceLevel(price: Price(proto.askPrice), quantity: Quantity(proto.askQuantity)))
    }
}

extension Trade {
    init(_ proto: ProtoTrade, instrument: InstrumentID) throws(WireError) {
        let aggressor: AggressorSide
        switch proto.aggressor {
        case .buy: aggressor = .buy
        case .sell: aggressor = .sell
        case .unspecified, .UNRECOGNIZED: throw .invalidField("aggressor")
        }
        guard proto.firstID == 0 || proto.firstID <= proto.id else { throw .invalidField("first_id") }
        self.init(
            instrument: instrument,
            times: EventTimes(
                venue: Timestamp(nanoseconds: proto.venueTimeNs), receive: Timestamp(nanoseconds: proto.receiveTimeNs)),
            id: proto.id, price: Price(proto.price), quantity: Quantity(proto.quantity), aggressor: aggressor,
            isBackfilled: proto.backfilled, firstID: proto.firstID == 0 ? nil : proto.firstID)
    }
}

extension Heartbeat {
    init(_ proto: ProtoStatus, instrument: InstrumentID) throws(WireError) {
        self.init(
            instrument: instrument,
            times: EventTimes(
                venue: Timestamp(nanoseconds: proto.venueTimeNs), receive: Timestamp(nanoseconds: proto.receiveTimeNs)),
            validity: try Validity(proto.validity), epoch: proto.bookEpoch)
    }
}

extension ProtoStatus {
    public init(validity: Validity, bookEpoch: UInt64) {
        self.init()
        self.validity = validity.proto
        self.bookEpoch = bookEpoch
    }
}
