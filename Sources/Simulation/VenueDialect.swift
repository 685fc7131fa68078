import Microstructure

/// One venue's message format: writes a synthetic market as the venue's messages, and reads and alters messages for the
/// fault plan, the truth and the trade history. Another venue is another dialect, in its own folder.
///
/// Requests, handshakes and subscriptions need sockets: see `VenueAPI` in `ExchangeSim`.
public protocol VenueDialect: Sendable {
    // MARK: Markets

    /// The synthetic market, in the venue's messages, with the venue's delays of this name.
    func serve(_ market: SyntheticMarket, delays: ArrivalDelays.Name) -> any SimulatedMarket

    /// A recording of the venue, whose frames are sent as they were recorded.
    ///
    /// - Throws: `CaptureError` if the beginning is not a recording of this venue.
    func play(_ lines: some LineSource, loops: Bool) throws(CaptureError) -> any SimulatedMarket

    /// The symbol of the market that a stream belongs to; `nil` if the name is no market's stream.
    func symbol(ofStream name: String) -> String?

    // MARK: Reading

    /// The trade in a frame of kind `.trade`, the first of several; `nil` if unreadable.
    func trade(in frame: MarketFrame) -> TradeHistory.Trade?

    /// All trades in a frame of kind `.trade`.
    func trades(in frame: MarketFrame) -> [TradeHistory.Trade]

    /// The changes in a frame of kind `.depth`, prices and sizes in 10⁻⁸; `nil` if unreadable.
    func depthChange(in frame: MarketFrame) -> DepthChange?

    /// The book in a snapshot's body, prices and sizes in 10⁻⁸; `nil` if unreadable.
    func book(in snapshot: [UInt8]) -> SimulatedBook?

    // MARK: Faults

    /// The depth update without its first `count` update ids; `nil` if it has too few.
    func skippingIDs(_ count: Int64, in frame: MarketFrame) -> MarketFrame?

    /// The same message, padded to at least `count` bytes with an unknown member.
    func padded(_ frame: MarketFrame, toBytes count: Int) -> MarketFrame

    /// The message with more decimals in its first price than the instrument allows; `nil` if it has no price.
    func withExcessDecimals(_ frame: MarketFrame) -> MarketFrame?

    /// The depth update with an added bid one percent above `ask` (10⁻⁸); `nil` if it has no bids.
    func crossed(_ frame: MarketFrame, ask: Int64) -> MarketFrame?
}

extension VenueDialect {
    /// The synthetic market with the delays measured at the venue.
    public func serve(_ market: SyntheticMarket) -> any SimulatedMarket { serve(market, delays: .measured) }

    public func trades(in frame: MarketFrame) -> [TradeHistory.Trade] { trade(in: frame).map { [$0] } ?? [] }
}

/// Writes one market's events in a venue's format. It may keep state that the messages need: sequence numbers, a book
/// for checksums.
public protocol MarketEncoder: Sendable {
    /// Appends the venue's frames for an event, possibly none. They may be due later than the event.
    mutating func encode(_ event: SimulatedEvent, into frames: inout [MarketFrame])
    /// A frame has been sent to the clients.
    mutating func sent(_ frame: MarketFrame)
    /// The body of the answer to a request for the book.
    func snapshot(_ book: SimulatedBook) -> [UInt8]
    /// The book that the frames sent so far leave, in the listing's units; `nil` if the market's own is it.
    func book(limit: Int) -> SimulatedBook?
    /// The venue's listing of a market.
    func listing(of listing: Listing) -> Listing
}

extension MarketEncoder {
    public mutating func sent(_ frame: MarketFrame) {}
    public func book(limit: Int) -> SimulatedBook? { nil }
    public func listing(of listing: Listing) -> Listing { listing }
}

/// A synthetic market in a venue's format, in the order in which the venue sends it.
public struct EncodedMarket<Encoder: MarketEncoder>: SimulatedMarket, Sendable {
    private var market: SyntheticMarket
    private var encoder: Encoder
    /// Unsent frames, by their offsets. The market has run up to the first one's.
    private var frames: [MarketFrame] = []
    /// Reused buffer: the frames of one event.
    private var encoded: [MarketFrame] = []

    public init(_ market: SyntheticMarket, _ encoder: Encoder) {
        self.market = market
        self.encoder = encoder
        advance()
    }

    public var listing: Listing { encoder.listing(of: market.listing) }
    public var startTime: Timestamp { market.startTime }
    public var planted: [PlantedEvent] { market.planted }
    public var phase: MarketPhase { .running }
    public var nextDue: Int64? { frames.first?.due }

    public mutating func nextFrame(dueBy offset: Int64) throws(CaptureError) -> MarketFrame? {
        guard let due = nextDue, due <= offset else { return nil }
        let frame = frames.removeFirst()
        encoder.sent(frame)
        advance()
        return frame
    }

    /// Encodes the events that can have a frame before the first one.
    private mutating func advance() {
        while let due = market.nextDue, frames.first.map({ due < $0.due }) ?? true {
            guard let event = market.nextEvent(dueBy: due) else { return }
            encoder.encode(event, into: &encoded)
            for frame in encoded {
                let place = frames.lastIndex { $0.due <= frame.due }.map { $0 + 1 } ?? 0
                frames.insert(frame, at: place)
            }
            encoded.removeAll(keepingCapacity: true)
        }
    }

    /// The current book. It may be ahead of the depth stream by the updates since its last event.
    public mutating func snapshot(limit: Int) -> [UInt8]? { encoder.snapshot(market.book(limit: limit)) }

    public func book(limit: Int) -> SimulatedBook? {
        guard var book = encoder.book(limit: limit) else { return nil }
        let units = (listing.priceUnit.hundredMillionths, listing.quantityUnit.hundredMillionths)
        func scaled(_ level: PriceLevel) -> PriceLevel {
            PriceLevel(
                price: Price(level.price.mantissa * units.0), quantity: Quantity(level.quantity.mantissa * units.1))
        }
        book.bids = book.bids.map(scaled)
        book.asks = book.asks.map(scaled)
        return book
    }

    /// Does nothing: a synthetic market is never held.
    public mutating func release() {}
}
