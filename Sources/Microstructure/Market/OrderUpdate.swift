/// What a venue says of one order in its book (L3).
public struct OrderUpdate: Sendable, Hashable {
    public enum Action: UInt8, Sendable, Hashable, CaseIterable {
        /// The order is new: it comes last in the queue at `price`.
        case add
        /// `quantity` is left of it. It stays where it is.
        case change
        /// It rests at `price` with `quantity`, whether it is new, changed or moved: the venue does not say which.
        case set
        /// It has left the book.
        case delete
    }

    /// Why an order left or shrank, as far as the venue says.
    public enum Reason: UInt8, Sendable, Hashable, CaseIterable {
        case unknown, filled, cancelled
        /// Its owner gave it another price or size: a new order takes its place.
        case replaced
    }

    public var instrument: InstrumentID
    public var times: EventTimes
    /// The venue's id, or a hash of one that is text. Zero is no order.
    public var id: UInt64
    public var action: Action
    public var reason: Reason
    public var side: BookSide.Kind
    /// Of an order added or set: where it rests; zero for a market order, which never does. Else the price in the message,
    /// which at Bitstamp is that of a fill or of the order's replacement; zero if there is none.
    public var price: Price
    /// The size left after the event, not below zero; of a deletion, the size that leaves unfilled.
    public var quantity: Quantity
    /// The size filled by this event; zero if none, or if the venue does not say.
    public var filled: Quantity

    public init(
        instrument: InstrumentID, times: EventTimes, id: UInt64, action: Action, reason: Reason = .unknown,
        side: BookSide.Kind, price: Price, quantity: Quantity, filled: Quantity = .zero
    ) {
        self.instrument = instrument
        self.times = times
        self.id = id
        self.action = action
        self.reason = reason
        self.side = side
        self.price = price
        self.quantity = quantity
        self.filled = filled
    }
}
