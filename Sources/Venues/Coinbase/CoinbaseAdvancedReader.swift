import Microstructure

/// Coinbase Advanced's public feed: whole books and their changes, trades in batches of 250 ms, best prices at each trade.
///
/// `sequence_num` counts every frame of a connection, acknowledgements too: a hole concerns all books of the connection.
/// Source: Coinbase Advanced Trade WebSocket documentation, 2026-08; frames of 2025-12 and 2026-08.
public struct CoinbaseAdvancedReader: VenueReader {
    public typealias Adapter = CoinbaseAdvancedAdapter

    private let adapter: CoinbaseAdvancedAdapter
    public var directory: InstrumentDirectory
    private var lines = Array(repeating: Line(), count: ConnectionID.limit)
    private var mixed = MixedLevels()

    /// The frames of one connection.
    private struct Line: Sendable {
        /// The number that the next frame must have; −1 before the first.
        var next: Int64 = -1
        /// Frames are missing, and no message has said so yet.
        var hasLoss = false

        mutating func note(_ number: Int64) {
            // The same frame once more: its contents are known by their ids.
            if next > 0, number == next - 1 { return }
            if next >= 0, number != next { hasLoss = true }
            next = number + 1
        }
    }

    private enum Channel { case books, trades, tickers, acknowledgement, unknown }

    /// What encloses a frame's events.
    private struct Frame {
        var channel: Channel?
        var number: Int64?
        var sentAt: Timestamp?
        var events: JSONScanner?
    }

    public init(_ adapter: CoinbaseAdvancedAdapter, _ directory: InstrumentDirectory) {
        self.adapter = adapter
        self.directory = directory
    }

    public static func instrument(
        of venue: Venue, named venueSymbol: String, priceExponent: Int8, quantityExponent: Int8, tickSize: Int64
    ) -> Instrument? {
        CoinbaseProduct.instrument(
            named: venueSymbol, priceExponent: priceExponent, quantityExponent: quantityExponent, tickSize: tickSize)
    }

    public let rules = StreamRules(tradeIDs: .contiguous, needsEveryChange: true)

    public mutating func connectionClosed(_ connection: ConnectionID) { lines[connection.index] = Line() }

    public mutating func read(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        var frame = Frame()
        do throws(ScanError) {
            try read(&frame, &scanner, at: time, into: &message)
        } catch {
            if let number = frame.number { lines[connection.index].note(number) }
            // All that the frame says is lost, not only the event that cannot be read.
            if frame.channel == .books, !Self.isSingle(frame.events) { message.index = -1 }
            throw error
        }
        if let number = frame.number { lines[connection.index].note(number) }
        message.isAfterLoss = lines[connection.index].hasLoss
        lines[connection.index].hasLoss = false
    }

    /// Whether a list has one element.
    private static func isSingle(_ list: JSONScanner?) -> Bool {
        guard var list else { return false }
        do throws(ScanError) {
            var count = 0
            try list.eachElement { (list) throws(ScanError) in
                count += 1
                try list.skipValue()
            }
            return count == 1
        } catch {
            return false
        }
    }

    private mutating func read(
        _ frame: inout Frame, _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        var isRead = false
        var isError = false
        var text = "error"
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "channel") {
                frame.channel = Self.channel(try scanner.string(), scanner)
                message.payload = Self.payload(frame.channel)
            } else if scanner.equals(key, "timestamp") {
                frame.sentAt = try scanner.timeIfValid() ?? time
            } else if scanner.equals(key, "sequence_num") {
                let number = try scanner.wholeNumber()
                guard let number, (0..<Int64.max).contains(number) else {
                    throw ScanError(.numberOutOfRange, at: scanner.position)
                }
                frame.number = number
            } else if scanner.equals(key, "events") {
                frame.events = scanner
                // Usual order: what encloses the events comes first, so that nothing is read twice.
                isRead = frame.channel != nil && frame.number != nil && frame.sentAt != nil
                if isRead {
                    try readEvents(frame, &scanner, at: time, into: &message)
                } else {
                    try scanner.skipValue()
                }
            } else if scanner.equals(key, "type") {
                isError = scanner.equals(try scanner.string(), "error")
            } else if scanner.equals(key, "message"), try scanner.peek() == .string {
                text = scanner.text(of: try scanner.string())
            } else {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        if isError {
            message.payload = .control
            message.note = .refused(code: 0, message: text)
            return
        }
        guard let channel = frame.channel, frame.number != nil, var events = frame.events else {
            throw ScanError(.missingField, at: scanner.position)
        }
        if !isRead { try readEvents(frame, &events, at: time, into: &message) }
        if message.isEmpty, message.note == .none {
            message.note = channel == .unknown ? .unknownEvent : .acknowledgement
        }
    }

    private static func channel(_ name: JSONString, _ scanner: borrowing JSONScanner) -> Channel {
        if scanner.equals(name, "l2_data") { return .books }
        if scanner.equals(name, "market_trades") { return .trades }
        if scanner.equals(name, "ticker") { return .tickers }
        if scanner.equals(name, "heartbeats") { return .acknowledgement }
        return scanner.equals(name, "subscriptions") ? .acknowledgement : .unknown
    }

    private static func payload(_ channel: Channel?) -> PayloadKind {
        switch channel {
        case .books: .depthUpdate
        case .trades: .trade
        case .tickers: .quote
        default: .control
        }
    }

    private mutating func readEvents(
        _ frame: Frame, _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        var isFirst = true
        try scanner.beginArray()
        while try scanner.nextElement() {
            switch frame.channel {
            case .books: try readBook(frame, isFirst, &scanner, at: time, into: &message)
            case .trades: try readTrades(&scanner, at: time, into: &message)
            case .tickers: try readTickers(frame, &scanner, at: time, into: &message)
            default: try scanner.skipValue()
            }
            isFirst = false
        }
        if frame.channel == .trades { Self.sortTrades(in: &message) }
    }

    /// `nil` for other text.
    private static func isSnapshot(_ scanner: inout JSONScanner) throws(ScanError) -> Bool? {
        let text = try scanner.string()
        return scanner.equals(text, "snapshot") ? true : scanner.equals(text, "update") ? false : nil
    }

    // MARK: Books

    private mutating func readBook(
        _ frame: Frame, _ isFirst: Bool, _ scanner: inout JSONScanner, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        var index = -1
        var isSnapshot: Bool?
        var book: Updates?
        var late: JSONScanner?
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "type") {
                isSnapshot = try Self.isSnapshot(&scanner)
            } else if scanner.equals(key, "product_id") {
                index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else if scanner.equals(key, "updates") {
                if index >= 0 {
                    book = try readUpdates(&scanner, index, into: &message)
                } else {
                    late = scanner
                    try scanner.skipValue()
                }
            } else {
                try scanner.skipValue()
            }
        }
        guard index >= 0 else { return try message.checkNamed(at: scanner.position) }
        if var late { book = try readUpdates(&late, index, into: &message) }
        guard let book, let isSnapshot else { throw ScanError(.missingField, at: scanner.position) }
        // A frame's number orders its first event; a second change of the same book would look like a repetition of it.
        let link = isFirst || isSnapshot ? frame.number.map { BookLink.later($0) } ?? .none : .none
        message.books.append(
            VenueMessage.Book(
                index: index, isSnapshot: isSnapshot, bids: book.bids, asks: book.asks, link: link,
                venueTime: book.time ?? frame.sentAt ?? time))
    }

    private struct Updates {
        var bids: Range<Int>
        var asks: Range<Int>
        /// Of the last one.
        var time: Timestamp?
    }

    /// `[{"side":"bid","event_time":"…","price_level":"78856.05","new_quantity":"0.0476177"},…]`: absolute sizes, zero
    /// removes, bids and asks mixed.
    private mutating func readUpdates(
        _ scanner: inout JSONScanner, _ index: Int, into message: inout VenueMessage
    ) throws(ScanError) -> Updates {
        let scale = directory.scale(index)
        var eventTime: JSONScanner?
        mixed.begin(in: message)
        try scanner.beginArray()
        while try scanner.nextElement() {
            var isBid: Bool?
            var price: Int64?
            var quantity: Int64?
            var found = 0
            try scanner.beginObject()
            while let key = try scanner.nextKey() {
                if scanner.equals(key, "side") {
                    let side = try scanner.string()
                    isBid = scanner.equals(side, "bid") ? true : scanner.equals(side, "offer") ? false : nil
                } else if scanner.equals(key, "event_time") {
                    eventTime = scanner
                    try scanner.skipValue()
                } else if scanner.equals(key, "price_level") {
                    price = try scanner.decimalIfValid(exponent: scale.price)
                    found |= 1
                } else if scanner.equals(key, "new_quantity") {
                    quantity = try scanner.decimalIfValid(exponent: scale.quantity)
                    found |= 2
                } else {
                    try scanner.skipValue()
                }
            }
            guard let isBid, found == 3 else { throw ScanError(.missingField, at: scanner.position) }
            if let level = message.level(price, quantity) { mixed.append(level, isBid: isBid, to: &message) }
        }
        let sides = mixed.end(in: &message)
        var updates = Updates(bids: sides.bids, asks: sides.asks)
        if var eventTime { updates.time = try eventTime.timeIfValid() }
        return updates
    }

    public func resubscribeMessages(for index: Int, on connection: ConnectionID) -> [String] {
        ["unsubscribe", "subscribe"].map {
            CoinbaseAdvancedAdapter.request($0, [directory.name(index)], CoinbaseAdvancedAdapter.bookChannel)
        }
    }

    // MARK: Trades

    /// `{"type":"update","trades":[{"product_id":"BTC-USD","trade_id":"929248657","price":"88355.59",…},…]}`.
    private func readTrades(
        _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "type") {
                // The newest trades before the subscription.
                if try Self.isSnapshot(&scanner) ?? true { message.hasPastTrades = true }
            } else if scanner.equals(key, "trades") {
                try scanner.beginArray()
                while try scanner.nextElement() { try readTrade(&scanner, at: time, into: &message) }
            } else {
                try scanner.skipValue()
            }
        }
    }

    private func readTrade(
        _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        var match = CoinbaseMatch()
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "product_id") {
                match.index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else {
                try match.read(key, &scanner)
            }
        }
        guard match.index >= 0 else { return try message.checkNamed(at: scanner.position) }
        try match.append(to: &message, directory.scale(match.index), at: time, offset: scanner.position)
    }

    /// A frame's trades come newest first.
    private static func sortTrades(in message: inout VenueMessage) {
        var isSorted = true
        var isOfOne = true
        for place in message.trades.indices.dropFirst() {
            if message.trades[place].id < message.trades[place - 1].id { isSorted = false }
            if message.trades[place].instrument != message.trades[place - 1].instrument { isOfOne = false }
        }
        if !isSorted { message.trades.sort { $0.id < $1.id } }
        guard message.hasPastTrades, isOfOne, let last = message.trades.last else { return }
        message.index = last.instrument.index
        (message.lastTradeID, message.lastTradeTime) = (last.id, last.times.venue)
    }

    // MARK: Best prices

    /// `{"type":"update","tickers":[{"product_id":"BTC-USD","best_bid":"68900.00","best_bid_quantity":"1.5",…}]}`.
    ///
    /// The first ones after subscribing are of the last trade before, which may be long ago: the venue's answer, not a
    /// quote.
    private func readTickers(
        _ frame: Frame, _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        var isUpdate = false
        var tickers: JSONScanner?
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "type") {
                isUpdate = try Self.isSnapshot(&scanner) == false
            } else {
                if scanner.equals(key, "tickers") { tickers = scanner }
                try scanner.skipValue()
            }
        }
        guard var tickers else { throw ScanError(.missingField, at: scanner.position) }
        guard isUpdate else { return }
        try tickers.beginArray()
        while try tickers.nextElement() { try readTicker(frame, &tickers, at: time, into: &message) }
    }

    private func readTicker(
        _ frame: Frame, _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        var ticker = CoinbaseTicker()
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "product_id") {
                ticker.index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else {
                try ticker.read(key, &scanner)
            }
        }
        guard ticker.index >= 0 else { return try message.checkNamed(at: scanner.position) }
        let times = EventTimes(venue: frame.sentAt ?? time, receive: time)
        try ticker.append(to: &message, directory.scale(ticker.index), times)
    }
}
