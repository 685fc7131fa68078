import Microstructure

/// Bitstamp's markets: changes of the whole book, applied to a snapshot over HTTP, and trades.
///
/// A change says when it was made, in µs, and nothing of the one before it: one that the venue loses does not show. The
/// book's order is that time; changes that are not later than the snapshot are in it. A book that stays crossed, or of
/// which a change could not be read, is discarded and fetched again.
///
/// Source: Bitstamp WebSocket API v2, "Reconciliation algorithm for diff_order_book", 2026-08; recordings of
/// 2021-04-05.
public struct BitstampReader: VenueReader {
    public typealias Adapter = BitstampAdapter

    public var directory: InstrumentDirectory
    /// By connection: a message could not be read and named no market, so any book may be wrong.
    private var isAfterLoss = Array(repeating: false, count: ConnectionID.limit)

    public init(_ adapter: BitstampAdapter, _ directory: InstrumentDirectory) { self.directory = directory }

    public let rules = StreamRules(snapshots: .overHTTP, tradeLists: .wholeTime)

    public mutating func connectionClosed(_ connection: ConnectionID) { isAfterLoss[connection.index] = false }

    private enum Event: Equatable {
        case data, trade, order(OrderUpdate.Action), acknowledgement, reconnect, error, other
    }

    public mutating func read(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        do throws(ScanError) {
            try read(&scanner, at: time, into: &message)
        } catch {
            if message.index < 0 { isAfterLoss[connection.index] = true }
            throw error
        }
        message.isAfterLoss = isAfterLoss[connection.index]
        isAfterLoss[connection.index] = false
    }

    private func read(
        _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        var event: Event?
        var channel: JSONString?
        // The data come first, before what they are of.
        var data: JSONScanner?
        var ids = BitstampEventIDs()
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "data") {
                data = scanner
                try scanner.skipValue()
            } else if scanner.equals(key, "channel") {
                channel = try scanner.string()
            } else if scanner.equals(key, "event") {
                event = Self.event(try scanner.string(), scanner)
            } else if try !ids.take(key, &scanner) {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        switch event {
        case .data, .trade:
            guard let channel, var data else { throw ScanError(.missingField, at: scanner.position) }
            let isBook = event == .data
            let index = index(of: channel, isBook ? .book : .trades, scanner, noting: &message)
            guard index >= 0 else { return }
            message.index = index
            if isBook {
                message.payload = .depthUpdate
                try readLevels(&data, index, isSnapshot: false, at: time, into: &message)
            } else {
                try readTrade(&data, index, at: time, into: &message)
            }
        case .order(let action):
            guard let channel, var data else { throw ScanError(.missingField, at: scanner.position) }
            let index = index(of: channel, .orders, scanner, noting: &message)
            guard index >= 0 else { return }
            message.index = index
            try readOrder(&data, action, index, ids.link(scanner), at: time, into: &message)
        case .acknowledgement: message.note = .acknowledgement
        case .reconnect: message.note = .shutdown
        case .error:
            guard var data else { throw ScanError(.missingField, at: scanner.position) }
            message.note = try Self.error(&data)
        case .other: message.note = .unknownEvent
        case nil: throw ScanError(.missingField, at: scanner.position)
        }
    }

    private static func event(_ name: JSONString, _ scanner: JSONScanner) -> Event {
        if scanner.equals(name, "data") { return .data }
        if scanner.equals(name, "trade") { return .trade }
        if scanner.equals(name, "bts:heartbeat") || scanner.equals(name, "bts:subscription_succeeded")
            || scanner.equals(name, "bts:unsubscription_succeeded")
        {
            return .acknowledgement
        }
        if scanner.equals(name, "bts:request_reconnect") { return .reconnect }
        if scanner.equals(name, "bts:error") { return .error }
        return orderAction(name, scanner).map { .order($0) } ?? .other
    }

    /// The index of the instrument that a channel's name ends with, or −1, which `message` notes.
    private func index(
        of name: JSONString, _ channel: BitstampChannel, _ scanner: borrowing JSONScanner,
        noting message: inout VenueMessage
    ) -> Int {
        let count = channel.bytes.count
        let index: Int? = scanner.withBytes(of: name) { bytes in
            guard bytes.count > count, bytes.starts(with: channel.bytes) else { return nil }
            return directory.index(of: UnsafeBufferPointer(rebasing: bytes[count...]))
        }
        guard let index else {
            message.note = .unknownEvent
            return -1
        }
        if index < 0 {
            message.setUnknown(
                name.hasEscapes ? name : JSONString(start: name.start + count, end: name.end, hasEscapes: false),
                scanner)
        }
        return index
    }

    /// `{"code":null,"message":"Bad subscription string."}`.
    private static func error(_ scanner: inout JSONScanner) throws(ScanError) -> VenueMessage.Note {
        var code: Int64 = 0
        var text = ""
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "code") {
                code = try scanner.wholeNumber() ?? 0
            } else if scanner.equals(key, "message"), try scanner.peek() == .string {
                text = scanner.text(of: try scanner.string())
            } else {
                try scanner.skipValue()
            }
        }
        return .refused(code: code, message: text)
    }

    // MARK: Books

    public func snapshotRequest(for index: Int) -> VenueRequest? {
        // The edge of the venue's network may answer with the book of a second ago; one that is too old is asked for
        // again.
        VenueRequest(path: "/api/v2/order_book/\(directory.name(index))/", query: "group=1", weight: 1)
    }

    /// `https://www.bitstamp.net/api/v2/order_book/btcusd/?group=1`.
    public static func symbol(ofSnapshotAddress url: String) -> String? {
        let parts = url.prefix { $0 != "?" }.split(separator: "/")
        guard let place = parts.firstIndex(of: "order_book"), parts.indices.contains(place + 1) else { return nil }
        return parts[place + 1].lowercased()
    }

    public func readSnapshot(
        _ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .snapshot
        message.index = index
        try readLevels(&scanner, index, isSnapshot: true, at: time, into: &message)
        try scanner.finish()
    }

    /// `{"microtimestamp":"1617654355388853","bids":[["0.42481","46803.03168003"],…],"asks":[…]}`.
    private func readLevels(
        _ scanner: inout JSONScanner, _ index: Int, isSnapshot: Bool, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        var bids: Range<Int>?
        var asks: Range<Int>?
        var microseconds: Int64?
        let scale = directory.scale(index)
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "microtimestamp") {
                microseconds = try scanner.wholeNumber()
            } else if scanner.equals(key, "bids") {
                bids = try message.readLevels(&scanner, of: scale)
            } else if scanner.equals(key, "asks") {
                asks = try message.readLevels(&scanner, of: scale)
            } else {
                try scanner.skipValue()
            }
        }
        guard let microseconds, let bids, let asks else { throw ScanError(.missingField, at: scanner.position) }
        let venueTime = try Self.time(microseconds, receivedAt: time, at: scanner.position)
        message.books.append(
            VenueMessage.Book(
                index: index, isSnapshot: isSnapshot, bids: bids, asks: asks, link: .later(microseconds),
                venueTime: venueTime))
    }

    /// Further ahead than any clock is wrong. Behind a change with such a time, all that follow would look old.
    private static let leadNanoseconds: Int64 = 3_600_000_000_000

    static func time(
        _ microseconds: Int64, receivedAt received: Timestamp, at offset: Int
    ) throws(ScanError) -> Timestamp {
        guard microseconds > 0, let time = Timestamp(microseconds: microseconds),
            time.nanoseconds(since: received) < leadNanoseconds
        else { throw ScanError(.numberOutOfRange, at: offset) }
        return time
    }

    // MARK: Trades

    /// `{"id":161009669,"amount_str":"7.14844933","price_str":"0.01495224","type":1,"microtimestamp":"…",…}`; the type
    /// is the taker's: 0 bought, 1 sold.
    private func readTrade(
        _ scanner: inout JSONScanner, _ index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trade
        var id: Int64?
        var type: Int64?
        var microseconds: Int64?
        var price: JSONScanner?
        var amount: JSONScanner?
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "id") {
                id = try scanner.wholeNumber()
            } else if scanner.equals(key, "type") {
                type = try scanner.wholeNumber()
            } else if scanner.equals(key, "microtimestamp") {
                microseconds = try scanner.wholeNumber()
            } else {
                // `price` and `amount` say the same as doubles.
                if scanner.equals(key, "price_str") {
                    price = scanner
                } else if scanner.equals(key, "amount_str") {
                    amount = scanner
                }
                try scanner.skipValue()
            }
        }
        guard let id, let type, let microseconds, var price, var amount else {
            throw ScanError(.missingField, at: scanner.position)
        }
        guard type == 0 || type == 1 else { throw ScanError(.numberOutOfRange, at: scanner.position) }
        let scale = directory.scale(index)
        try message.appendTrade(
            id: id, price: price.decimal(exponent: scale.price), quantity: amount.decimal(exponent: scale.quantity),
            type == 0 ? .buy : .sell, of: index,
            EventTimes(
                venue: Self.time(microseconds, receivedAt: time, at: scanner.position), receive: time),
            at: scanner.position)
    }
}

/// The channels subscribed to, by the beginning of their names; the market follows.
struct BitstampChannel {
    let prefix: String
    let bytes: [UInt8]

    private init(_ prefix: String) {
        self.prefix = prefix
        bytes = Array(prefix.utf8)
    }

    static let book = BitstampChannel("diff_order_book_")
    static let trades = BitstampChannel("live_trades_")
    static let orders = BitstampChannel("live_orders_")
}
