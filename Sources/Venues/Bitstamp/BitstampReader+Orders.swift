import Microstructure

/// The ids of a message's event and of the one before it, which chain the events of a channel. Older messages have none.
struct BitstampEventIDs {
    private var event: JSONString?
    private var previous: JSONString?

    /// Takes a member of a message; returns `false` if it is none of these.
    mutating func take(_ key: JSONString, _ scanner: inout JSONScanner) throws(ScanError) -> Bool {
        let isEvent = scanner.equals(key, "event_id")
        guard isEvent || scanner.equals(key, "pre_event_id") else { return false }
        guard try scanner.peek() == .string else {
            try scanner.skipValue()
            return true
        }
        let id = try scanner.string()
        if isEvent { event = id } else { previous = id }
        return true
    }

    /// The ids are 128 bits, of which 64 of a hash tell them apart.
    func link(_ scanner: borrowing JSONScanner) -> BookLink {
        guard let event, let previous else { return .none }
        return .chain(previous: Self.hash(previous, scanner), last: Self.hash(event, scanner))
    }

    private static func hash(_ id: JSONString, _ scanner: borrowing JSONScanner) -> Int64 {
        scanner.withBytes(of: id) { bytes in
            var hash = StableHash()
            for byte in bytes { hash.combine(byte: byte) }
            return Int64(bitPattern: hash.mixed)
        }
    }
}

/// Single orders: the channel `live_orders_PAIR`, and the book of orders over HTTP.
///
/// Source: Bitstamp WebSocket API v2, "Live orders"; HTTP API v2, "Order book", `group=2`; 2026-08; recordings of 2026-05-02.
extension BitstampReader {
    /// The price with which a market order to buy is told; one to sell has zero.
    static let marketPrice: Int64 = 999_999_999

    static func orderAction(_ event: JSONString, _ scanner: borrowing JSONScanner) -> OrderUpdate.Action? {
        if scanner.equals(event, "order_created") { return .add }
        if scanner.equals(event, "order_deleted") { return .delete }
        return scanner.equals(event, "order_changed") ? .change : nil
    }

    private struct Fields {
        var id: Int64?
        var type: Int64?
        var microseconds: Int64?
        var price: JSONScanner?
        var amount: JSONScanner?
        var traded: JSONScanner?

        mutating func take(_ key: JSONString, _ scanner: inout JSONScanner) throws(ScanError) {
            if scanner.equals(key, "id") {
                id = try scanner.wholeNumber()
            } else if scanner.equals(key, "order_type") {
                type = try scanner.wholeNumber()
            } else if scanner.equals(key, "microtimestamp") {
                microseconds = try scanner.wholeNumber()
            } else {
                // `price` and `amount` say the same as doubles.
                if scanner.equals(key, "price_str") {
                    price = scanner
                } else if scanner.equals(key, "amount_str") {
                    amount = scanner
                } else if scanner.equals(key, "amount_traded") {
                    traded = scanner
                }
                try scanner.skipValue()
            }
        }
    }

    /// `{"id":2043024875446273,"order_type":0,"microtimestamp":"…","amount_str":"0.25000000","amount_traded":"0",
    /// "price_str":"79640.78",…}`. The amount is what is left, the amount traded that of this event. A deletion with nothing left
    /// was filled.
    func readOrder(
        _ scanner: inout JSONScanner, _ action: OrderUpdate.Action, _ index: Int, _ link: BookLink, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .order
        var fields = Fields()
        try scanner.eachMember { (key, scanner) throws(ScanError) in try fields.take(key, &scanner) }
        guard let id = fields.id, let type = fields.type, let microseconds = fields.microseconds,
            var price = fields.price, var amount = fields.amount
        else { throw ScanError(.missingField, at: scanner.position) }
        let scale = directory.scale(index)
        let filled = try fields.traded?.decimal(exponent: scale.quantity) ?? 0
        let left = try amount.decimal(exponent: scale.quantity)
        guard id > 0, type == 0 || type == 1, left >= 0, filled >= 0 else {
            throw ScanError(.numberOutOfRange, at: scanner.position)
        }
        let reason: OrderUpdate.Reason =
            switch action {
            case .add, .set: .unknown
            case .change: filled > 0 ? .filled : .unknown
            case .delete: left == 0 ? .filled : .cancelled
            }
        let venueTime = try Self.time(microseconds, receivedAt: time, at: scanner.position)
        let start = message.orders.count
        message.orders.append(
            OrderUpdate(
                instrument: InstrumentID(index), times: EventTimes(venue: venueTime, receive: time), id: UInt64(id),
                action: action, reason: reason, side: type == 0 ? .bid : .ask,
                price: try Self.restingPrice(&price, scale), quantity: Quantity(left), filled: Quantity(filled)))
        message.orderChanges.append(
            OrderChange(
                index: index, isSnapshot: false, orders: start..<start + 1, link: link, venueTime: venueTime))
    }

    /// Zero for a market order. A price above all that an instrument's unit can hold is the market order's too.
    private static func restingPrice(_ scanner: inout JSONScanner, _ scale: PriceScale) throws(ScanError) -> Price {
        var whole = scanner
        let (mantissa, exponent) = try whole.normalizedDecimal()
        if mantissa == marketPrice, exponent == 0 { return Price(0) }
        let price = try scanner.decimal(exponent: scale.price)
        guard price >= 0 else { throw ScanError(.numberOutOfRange, at: scanner.position) }
        return Price(price)
    }

    // MARK: Snapshot

    public func orderSnapshotRequest(for index: Int) -> VenueRequest? {
        VenueRequest(path: "/api/v2/order_book/\(directory.name(index))/", query: "group=2", weight: 1)
    }

    /// `{"microtimestamp":"1787620347152764","bids":[["79617.37","0.19000000","2043024885198848"],…],"asks":[…]}`; at one price
    /// the orders come in the order of their ids, the oldest first.
    public func readOrderSnapshot(
        _ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .snapshot
        message.index = index
        let start = message.orders.count
        var microseconds: Int64?
        var sides = (bids: false, asks: false)
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "microtimestamp") {
                microseconds = try scanner.wholeNumber()
            } else if scanner.equals(key, "bids") {
                sides.bids = true
                try readOrders(&scanner, .bid, index, into: &message)
            } else if scanner.equals(key, "asks") {
                sides.asks = true
                try readOrders(&scanner, .ask, index, into: &message)
            } else {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        guard let microseconds, sides.bids, sides.asks else { throw ScanError(.missingField, at: scanner.position) }
        let venueTime = try Self.time(microseconds, receivedAt: time, at: scanner.position)
        let end = message.orders.count
        for place in start..<end { message.orders[place].times = EventTimes(venue: venueTime, receive: time) }
        message.orderChanges.append(
            OrderChange(index: index, isSnapshot: true, orders: start..<end, link: .none, venueTime: venueTime))
    }

    /// Rows without an id are levels, so not what was asked for: `.missingField`.
    private func readOrders(
        _ scanner: inout JSONScanner, _ side: BookSide.Kind, _ index: Int, into message: inout VenueMessage
    ) throws(ScanError) {
        let scale = directory.scale(index)
        let time = Timestamp(nanoseconds: 0)
        try scanner.eachElement { (scanner) throws(ScanError) in
            try scanner.beginArray()
            guard try scanner.nextElement() else { throw ScanError(.missingField, at: scanner.position) }
            let price = try Self.restingPrice(&scanner, scale)
            guard try scanner.nextElement() else { throw ScanError(.missingField, at: scanner.position) }
            let quantity = try scanner.decimal(exponent: scale.quantity)
            guard try scanner.nextElement(), let id = try scanner.wholeNumber() else {
                throw ScanError(.missingField, at: scanner.position)
            }
            while try scanner.nextElement() { try scanner.skipValue() }
            guard id > 0, quantity >= 0 else { throw ScanError(.numberOutOfRange, at: scanner.position) }
            message.orders.append(
                OrderUpdate(
                    instrument: InstrumentID(index), times: EventTimes(venue: time, receive: time), id: UInt64(id),
                    action: .add, side: side, price: price, quantity: Quantity(quantity)))
        }
    }
}
