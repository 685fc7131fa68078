/// Is the data trustworthy? Part of every book, status and feature vector.
public enum Validity: UInt8, Sendable, Hashable, CaseIterable {
    /// The book is continuous since its snapshot, and the feed is alive.
    case valid = 1
    /// There is no trustworthy book, or no longer: a snapshot is being fetched.
    case resyncing = 2
    /// The feed is silent or down; the last known state is old.
    case stale = 3
}

/// The side that took liquidity.
public enum AggressorSide: UInt8, Sendable, Hashable {
    case buy = 1
    case sell = 2
}

/// A price and the size resting there.
public struct PriceLevel: Sendable, Hashable {
    public var price: Price
    public var quantity: Quantity

    public init(price: Price, quantity: Quantity) {
        self.price = price
        self.quantity = quantity
    }
}

/// The two times of every event. Events are in receive order; `receive` is never rewritten.
public struct EventTimes: Sendable, Hashable {
    /// When the event happened according to the venue's clock.
    public var venue: Timestamp
    /// When this system read the event from the socket, by this host's clock.
    public var receive: Timestamp

    public init(venue: Timestamp, receive: Timestamp) {
        self.venue = venue
        self.receive = receive
    }
}

/// The book changed. The levels after the change, best first, are in the `EventBatch` that holds the event.
public struct BookSnapshot: Sendable, Hashable {
    public var instrument: InstrumentID
    public var times: EventTimes
    /// Counts the book's snapshots, from 1; updates without a gap share an epoch. A new epoch resets everything that
    /// depends on the book's history.
    public var epoch: UInt64
    /// The venue's id of the last change contained in the book.
    public var updateID: Int64
    public var validity: Validity
    /// The instrument's smallest price step, in price units; at least 1.
    public var tickSize: Int64
    /// Range of the best bid levels in the batch, best first.
    public var bids: Range<Int>
    /// Range of the best ask levels in the batch, best first.
    public var asks: Range<Int>

    public init(
        instrument: InstrumentID, times: EventTimes, epoch: UInt64, updateID: Int64, validity: Validity,
        tickSize: Int64 = 1, bids: Range<Int>, asks: Range<Int>
    ) {
        self.instrument = instrument
        self.times = times
        self.epoch = epoch
        self.updateID = updateID
        self.validity = validity
        self.tickSize = tickSize
        self.bids = bids
        self.asks = asks
    }
}

/// Best bid and ask from the venue's own fastest stream; never merged into the book.
public struct Quote: Sendable, Hashable {
    public var instrument: InstrumentID
    public var times: EventTimes
    public var updateID: Int64
    public var bid: PriceLevel
    public var ask: PriceLevel

    public init(instrument: InstrumentID, times: EventTimes, updateID: Int64, bid: PriceLevel, ask: PriceLevel) {
        self.instrument = instrument
        self.times = times
        self.updateID = updateID
        self.bid = bid
        self.ask = ask
    }
}

/// One execution.
public struct Trade: Sendable, Hashable {
    public var instrument: InstrumentID
    public var times: EventTimes
    /// The venue's trade id; contiguous on Binance.
    public var id: Int64
    public var price: Price
    public var quantity: Quantity
    public var aggressor: AggressorSide
    /// Fetched later over REST to fill a gap, or from the venue's list of past trades; not received live.
    public var isBackfilled: Bool
    /// Below `id` if this event combines the trades `firstID` to `id`, from one order at one price and time: `quantity`
    /// is their sum, their single sizes are unknown. Equal to `id` otherwise.
    public var firstID: Int64

    public init(
        instrument: InstrumentID, times: EventTimes, id: Int64, price: Price, quantity: Quantity,
        aggressor: AggressorSide, isBackfilled: Bool = false, firstID: Int64? = nil
    ) {
        self.instrument = instrument
        self.times = times
        self.id = id
        self.price = price
        self.quantity = quantity
        self.aggressor = aggressor
        self.isBackfilled = isBackfilled
        self.firstID = firstID ?? id
    }
}

/// The feed's heartbeat, once a second for each symbol, also in a quiet market, where it drives the clock.
public struct Heartbeat: Sendable, Hashable {
    public var instrument: InstrumentID
    public var times: EventTimes
    public var validity: Validity
    public var epoch: UInt64

    public init(instrument: InstrumentID, times: EventTimes, validity: Validity, epoch: UInt64) {
        self.instrument = instrument
        self.times = times
        self.validity = validity
        self.epoch = epoch
    }
}

/// An event in the market or the feed. A plain value: no reference, no heap.
public enum MarketEvent: Sendable, Hashable {
    case book(BookSnapshot)
    case quote(Quote)
    case trade(Trade)
    case heartbeat(Heartbeat)

    public var times: EventTimes {
        switch self {
        case .book(let book): book.times
        case .quote(let quote): quote.times
        case .trade(let trade): trade.times
        case .heartbeat(let heartbeat): heartbeat.times
        }
    }

    public var instrument: InstrumentID {
        get {
            switch self {
            case .book(let book): book.instrument
            case .quote(let quote): quote.instrument
            case .trade(let trade): trade.instrument
            case .heartbeat(let heartbeat): heartbeat.instrument
            }
        }
        set {
            switch self {
            case .book(var book):
                book.instrument = newValue
                self = .book(book)
            case .quote(var quote):
                quote.instrument = newValue
                self = .quote(quote)
            case .trade(var trade):
                trade.instrument = newValue
                self = .trade(trade)
            case .heartbeat(var heartbeat):
                heartbeat.instrument = newValue
                self = .heartbeat(heartbeat)
            }
        }
    }
}
