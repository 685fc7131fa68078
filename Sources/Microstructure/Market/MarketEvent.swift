/// May the data be believed? Carried by every book, status and feature vector.
public enum Validity: UInt8, Sendable, Hashable, CaseIterable {
    /// The book is continuous since its snapshot, and the feed talks.
    case valid = 1
    /// No trustworthy book yet, or no longer: a snapshot is being fetched.
    case resyncing = 2
    /// The feed is silent or down; the last known state is old.
    case stale = 3
}

/// Which side took liquidity.
public enum AggressorSide: UInt8, Sendable, Hashable {
    case buy = 1
    case sell = 2
}

/// A price and the size that rests there.
public struct PriceLevel: Sendable, Hashable {
    public var price: Price
    public var quantity: Quantity

    public init(price: Price, quantity: Quantity) {
        self.price = price
        self.quantity = quantity
    }
}

/// The two times of every event. Order is receive order; `receive` is never rewritten.
public struct EventTimes: Sendable, Hashable {
    /// When the venue says it happened, on the venue's clock.
    public var venue: Timestamp
    /// When this system read it from the socket, on this host's clock.
    public var receive: Timestamp

    public init(venue: Timestamp, receive: Timestamp) {
        self.venue = venue
        self.receive = receive
    }
}

/// The book changed. The levels after the change, best first, lie in the `EventBatch` that holds the event.
public struct BookSnapshot: Sendable, Hashable {
    public var instrument: InstrumentID
    public var times: EventTimes
    /// Which uninterrupted life of the book this belongs to: it counts snapshots, from 1. A new epoch
    /// resets everything that looks back at the book.
    public var epoch: UInt64
    /// The venue's id of the last change that the book contains.
    public var updateID: Int64
    public var validity: Validity
    /// The instrument's smallest price step, in price units; at least 1.
    public var tickSize: Int64
    /// Where the batch keeps the best bid levels, best first.
    public var bids: Range<Int>
    /// Where the batch keeps the best ask levels, best first.
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

/// Best bid and ask as the venue's own fastest stream states them; never merged into the book.
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
    /// Fetched later over REST to fill a hole, not seen live.
    public var isBackfilled: Bool
    /// Below `id` where this stands for the trades `firstID` to `id`, of one order at one price and moment: `quantity` is
    /// their sum, their single sizes are not known. Equal to `id` otherwise.
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

/// The feed's heartbeat, one a second a symbol also when the market is quiet: the clock of a silent market.
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

/// Something that happened in the market or to the feed. A plain value: no reference, no heap.
public enum MarketEvent: Sendable, Hashable {
    case book(BookSnapshot)
    case quote(Quote)
    case trade(Trade)
    case heartbeat(Heartbeat)
}
