import Microstructure

/// What one message says of an instrument's book by order: a few updates, or the whole book.
public struct OrderChange: Sendable, Hashable {
    /// The instrument's.
    public var index: Int
    public var isSnapshot: Bool
    /// A range of `VenueMessage.orders`.
    public var orders: Range<Int>
    public var link: BookLink
    /// What the book must have after the change, as the venue states it.
    public var checksum: UInt32?
    public var venueTime: Timestamp

    public init(
        index: Int, isSnapshot: Bool, orders: Range<Int>, link: BookLink, checksum: UInt32? = nil, venueTime: Timestamp
    ) {
        self.index = index
        self.isSnapshot = isSnapshot
        self.orders = orders
        self.link = link
        self.checksum = checksum
        self.venueTime = venueTime
    }
}
