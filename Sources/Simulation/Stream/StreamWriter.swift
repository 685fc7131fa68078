import Microstructure

/// Writes one market's messages of a venue that sends whole books, then their changes, in the stream.
public protocol StreamWriter: Sendable {
    init(_ listing: Listing)

    /// Levels a side that the venue publishes; `nil` for all.
    static var depth: Int? { get }
    /// Whether levels pushed out of the published ones are sent as gone.
    static var announcesLoss: Bool { get }
    /// The messages of a change.
    ///
    /// - Parameter book: after the change.
    mutating func depth(_ change: DepthChange, at time: Timestamp, after book: borrowing OrderBook) -> [[UInt8]]
    mutating func trade(
        id: Int64, price: Price, quantity: Quantity, aggressor: AggressorSide, at time: Timestamp
    ) -> [UInt8]
    /// The message of the best prices; `nil` for a venue without one.
    mutating func quote(updateID: Int64, bid: PriceLevel, ask: PriceLevel, at time: Timestamp) -> [UInt8]?
    /// The whole book, as a message of the stream or an answer over HTTP.
    func snapshot(_ book: SimulatedBook, at time: Timestamp) -> [UInt8]
}

/// The names of a market's streams inside the simulator. Clients subscribe in the venue's own words.
public enum StreamName {
    public static func depth(_ symbol: String) -> String { "\(symbol)@depth" }
    public static func trades(_ symbol: String) -> String { "\(symbol)@trade" }
    public static func quotes(_ symbol: String) -> String { "\(symbol)@quote" }

    static func symbol(of name: String) -> String? {
        name.firstIndex(of: "@").map { String(name[..<$0]) }
    }
}

/// A synthetic market in the messages of one venue. Messages are due when their events are: the order of arrival is
/// that of the events.
public struct StreamEncoder<Writer: StreamWriter>: MarketEncoder {
    private var writer: Writer
    private var book: PublishedBook
    private let names: (depth: String, trades: String, quotes: String)
    private var lastTime: Timestamp

    init(_ market: SyntheticMarket) {
        writer = Writer(market.listing)
        book = PublishedBook(market.book(limit: .max), depth: Writer.depth)
        let symbol = market.listing.symbol
        names = (StreamName.depth(symbol), StreamName.trades(symbol), StreamName.quotes(symbol))
        lastTime = market.startTime
    }

    public mutating func encode(_ event: SimulatedEvent, into frames: inout [MarketFrame]) {
        func add(_ bytes: [UInt8], _ name: String, _ kind: StreamKind, isWhole: Bool = true) {
            frames.append(
                MarketFrame(
                    stream: name, kind: kind, due: event.due, bytes: bytes, payload: 0..<bytes.count,
                    event: isWhole ? event : nil))
        }
        switch event.content {
        case .depth(let change):
            guard let published = book.process(change, announcesLoss: Writer.announcesLoss) else { return }
            let messages = writer.depth(published, at: event.time, after: book.book)
            for (place, bytes) in messages.enumerated() {
                add(bytes, names.depth, .depth, isWhole: place == messages.count - 1)
            }
        case .trade(let id, let price, let quantity, let aggressor):
            add(
                writer.trade(id: id, price: price, quantity: quantity, aggressor: aggressor, at: event.time),
                names.trades, .trade)
        case .quote(let id, let bid, let ask):
            guard let bytes = writer.quote(updateID: id, bid: bid, ask: ask, at: event.time) else { return }
            add(bytes, names.quotes, .quote)
        }
    }

    public mutating func sent(_ frame: MarketFrame) {
        // A change of several messages is there with its last one.
        guard frame.kind == .depth, let event = frame.event else { return }
        book.sent()
        lastTime = event.time
    }

    public func snapshot(_ market: SimulatedBook) -> [UInt8] {
        // Not the market's book, which is ahead of the stream.
        writer.snapshot(book.snapshot(limit: max(market.bids.count, market.asks.count)), at: lastTime)
    }

    public func book(limit: Int) -> SimulatedBook? { book.snapshot(limit: limit) }
}

/// A venue that sends its books in the stream.
public struct StreamDialect<Writer: StreamWriter>: VenueDialect {
    public init() {}

    public func serve(_ market: SyntheticMarket, delays: ArrivalDelays.Name) -> any SimulatedMarket {
        EncodedMarket(market, StreamEncoder<Writer>(market))
    }

    public func play(_ lines: some LineSource, loops: Bool) throws(CaptureError) -> any SimulatedMarket {
        throw CaptureError(line: 1, problem: .otherVenue)
    }

    public func symbol(ofStream name: String) -> String? { StreamName.symbol(of: name) }

    public func trade(in frame: MarketFrame) -> TradeHistory.Trade? {
        guard case .trade(let id, let price, let quantity, let aggressor) = frame.event?.content,
            let units = frame.units, let time = frame.event?.time
        else { return nil }
        return TradeHistory.Trade(
            id: id, price: DecimalText.text(price.mantissa * units.price),
            quantity: DecimalText.text(quantity.mantissa * units.quantity),
            milliseconds: time.bucket(width: 1_000_000), aggressor: aggressor)
    }

    public func depthChange(in frame: MarketFrame) -> DepthChange? {
        guard case .depth(var change) = frame.event?.content, let units = frame.units else { return nil }
        func scaled(_ level: PriceLevel) -> PriceLevel {
            PriceLevel(
                price: Price(level.price.mantissa * units.price),
                quantity: Quantity(level.quantity.mantissa * units.quantity))
        }
        change.bids = change.bids.map(scaled)
        change.asks = change.asks.map(scaled)
        return change
    }

    /// Nil: `SimulatedMarket.book(limit:)` tells it.
    public func book(in snapshot: [UInt8]) -> SimulatedBook? { nil }

    // MARK: Faults

    /// A message without some of its ids is no message of these venues; `drop` leaves out a whole one.
    public func skippingIDs(_ count: Int64, in frame: MarketFrame) -> MarketFrame? { nil }

    public func padded(_ frame: MarketFrame, toBytes count: Int) -> MarketFrame {
        guard frame.bytes.first == UInt8(ascii: "{") else { return frame }
        let filling = max(0, count - frame.bytes.count)
        let member =
            Array(#""filling":""#.utf8) + Array(repeating: UInt8(ascii: " "), count: filling) + Array(#"","#.utf8)
        let bytes = [UInt8(ascii: "{")] + member + frame.bytes[1...]
        return frame.with(bytes, payload: 0..<bytes.count)
    }

    /// More digits behind the first decimal point that follows the symbol's levels.
    public func withExcessDecimals(_ frame: MarketFrame) -> MarketFrame? {
        guard frame.kind != .other, let start = frame.bytes.firstIndex(of: UInt8(ascii: "[")) else { return nil }
        var place = start
        while let point = frame.bytes[place...].firstIndex(of: UInt8(ascii: ".")) {
            var end = point + 1
            while end < frame.bytes.count, frame.bytes[end] &- UInt8(ascii: "0") <= 9 { end += 1 }
            // A fraction of a second ends in Z.
            if end < frame.bytes.count, frame.bytes[end] != UInt8(ascii: "Z"), end > point + 1 {
                let bytes = Array(frame.bytes[..<end]) + Array("0000000000001".utf8) + frame.bytes[end...]
                return frame.with(bytes, payload: 0..<bytes.count)
            }
            place = point + 1
        }
        return nil
    }

    /// Nil: the venues' own checks would find a level that is not theirs, before the book crosses.
    public func crossed(_ frame: MarketFrame, ask: Int64) -> MarketFrame? { nil }
}
