import Microstructure

/// Trades of one order at one price and moment, as combined by `aggTrades`: their single sizes are lost.
struct AggregateTrade: Sendable, Hashable {
    /// Ids of aggregates form a separate series, contiguous like trade ids.
    let id: Int64
    /// Ids of the trades combined; one or more.
    let trades: ClosedRange<Int64>
    let price: Price
    /// Total size of these trades.
    let quantity: Quantity
    let time: Timestamp
    let aggressor: AggressorSide
}

/// One element of `aggTrades`.
struct AggregateRow {
    private var id: Int64?
    private var price: Int64?
    private var quantity: Int64?
    private var first: Int64?
    private var last: Int64?
    private var time: Int64?
    private var isBuyerMaker: Bool?
    private let offset: Int

    init(_ scanner: inout JSONScanner, _ scale: PriceScale) throws(ScanError) {
        offset = scanner.position
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            switch scanner.onlyByte(of: key) {
            case UInt8(ascii: "a"): id = try scanner.integer()
            case UInt8(ascii: "p"): price = try scanner.decimal(exponent: scale.price)
            case UInt8(ascii: "q"): quantity = try scanner.decimal(exponent: scale.quantity)
            case UInt8(ascii: "f"): first = try scanner.integer()
            case UInt8(ascii: "l"): last = try scanner.integer()
            case UInt8(ascii: "T"): time = try scanner.integer()
            case UInt8(ascii: "m"): isBuyerMaker = try scanner.boolean()
            default: try scanner.skipValue()
            }
        }
    }

    /// A row without trades: the venue's mark for a lost trade.
    var isEmpty: Bool { first == -1 && last == -1 }

    func aggregate(of instrument: InstrumentID, unit: VenueTimeUnit) throws(VenueError) -> AggregateTrade {
        func rejection(_ kind: RejectionKind) -> VenueError {
            .rejected(Rejection(kind, in: .trades, of: instrument, at: offset))
        }
        guard let id, let price, let quantity, let first, let last, let time, let isBuyerMaker else {
            throw rejection(.missingField)
        }
        guard id >= 0, id < .max, price > 0, quantity > 0, first >= 0, last >= first, last < .max,
            let venueTime = unit.timestamp(time)
        else { throw rejection(.outOfRange) }
        return AggregateTrade(
            id: id, trades: first...last, price: Price(price), quantity: Quantity(quantity), time: venueTime,
            aggressor: isBuyerMaker ? .sell : .buy)
    }
}
