import Microstructure
import Simulation
import Venues

/// What a venue's session takes for one message, by venue and kind: a depth update with about ten levels, from the wire to the
/// event that is published, and a trade. All venues send the same market.
///
/// The first rows are what reading alone takes of Binance's two forms: the same frames again, which are decoded and found to be
/// known.
public let frameMeasures: [(name: String, make: @Sendable (VenueFrames) throws -> any Measure & ~Copyable)] = {
    var list: [(name: String, make: @Sendable (VenueFrames) throws -> any Measure & ~Copyable)] = []
    for venue in VenueFrames.Venue.all {
        if venue.isBinanceSpot {
            list.append(("depth frame read, \(venue.name)", { try $0.measure(venue, .depth, isKnown: true) }))
        }
        list.append(("depth frame, \(venue.name)", { try $0.measure(venue, .depth, isKnown: false) }))
        list.append(("trade frame, \(venue.name)", { try $0.measure(venue, .trade, isKnown: false) }))
    }
    return list
}()

/// One market in the messages of each venue.
public struct VenueFrames: Sendable {
    /// A venue, and what its session must be told before the market's messages.
    struct Venue: Sendable {
        /// Of its endpoint.
        let name: String
        let symbol: String
        let encode: @Sendable (SyntheticMarket) -> any SimulatedMarket
        var greeting: [String] = []
        /// Whether the book comes over HTTP.
        var asksForBook = false
        /// Whether a message is within an array with the channel's number and the connection's counter.
        var hasChannels = false
        var quantityExponent: Int8 = -5

        var isBinanceSpot: Bool { asksForBook && (name == "binance" || name == "binance-sbe") }

        static let all = [
            Venue(
                name: "binance", symbol: "BTCUSDT", encode: { BinanceDialect().serve($0, delays: .none) },
                asksForBook: true),
            Venue(
                // The levels of the JSON frames, as often: not as `BinanceSBEDialect` serves the market.
                name: "binance-sbe", symbol: "BTCUSDT",
                encode: { EncodedMarket($0, BinanceSBEEncoder($0, delays: BinanceDialect.delays(.none))) },
                asksForBook: true),
            Venue(
                name: "binance-usdm", symbol: "BTCUSDT", encode: { BinanceDialect(.usdm).serve($0, delays: .none) },
                asksForBook: true),
            Venue(
                name: "binance-coinm", symbol: "BTCUSD_PERP",
                encode: { BinanceDialect(.coinm).serve($0, delays: .none) }, asksForBook: true, quantityExponent: 0),
            Venue(name: "kraken", symbol: "BTC/USDT", encode: { StreamDialect<KrakenWriter>().serve($0) }),
            Venue(name: "coinbase", symbol: "BTC-USDT", encode: { StreamDialect<CoinbaseWriter>().serve($0) }),
            Venue(name: "bybit", symbol: "BTCUSDT", encode: { StreamDialect<BybitWriter>().serve($0) }),
            Venue(name: "okx", symbol: "BTC-USDT", encode: { StreamDialect<OKXWriter>().serve($0) }),
            Venue(
                name: "bitstamp", symbol: "btcusdt", encode: { StreamDialect<BitstampWriter>().serve($0) },
                asksForBook: true),
            Venue(
                name: "bitfinex", symbol: "tBTCUST", encode: { StreamDialect<BitfinexWriter>().serve($0) },
                greeting: [
                    #"{"event":"conf","status":"OK","flags":196608}"#,
                    #"{"event":"subscribed","channel":"book","chanId":1,"symbol":"tBTCUST","prec":"P0","freq":"F0","len":"100","pair":"BTCUST"}"#,
                    #"{"event":"subscribed","channel":"trades","chanId":2,"symbol":"tBTCUST","pair":"BTCUST"}"#,
                ], hasChannels: true),
        ]
    }

    /// Depth updates before the book.
    private static let held = 5
    /// Messages of every measure, of which the first half is a warm-up.
    public let size: Int
    private let market: SyntheticMarket

    public init(size: Int) {
        self.size = size
        var parameters = SyntheticParameters(symbol: "BTCUSDT")
        parameters.orderRate = 70
        parameters.marketOrderRate = 12
        // 2026-08-01, when the rules of today hold.
        market = SyntheticMarket(
            parameters, seed: 1, startTime: Timestamp(nanoseconds: 1_785_542_400_000_000_000))
    }

    /// The messages of one kind, by update: a venue may send one in several messages.
    private func messages(
        _ venue: Venue, _ kind: StreamKind
    ) throws -> (updates: [[[UInt8]]], times: [Timestamp], book: [UInt8]) {
        var market = venue.encode(market)
        var book = market.snapshot(limit: 1_000) ?? []
        var updates: [[[UInt8]]] = []
        var times: [Timestamp] = []
        var counter = 1
        func framed(_ bytes: [UInt8], _ channel: Int) -> [UInt8] {
            guard venue.hasChannels else { return bytes }
            counter += 1
            return Array("[\(channel),".utf8) + bytes + Array(",\(counter)]".utf8)
        }
        if venue.hasChannels { book = Array("[1,".utf8) + book + Array(",1]".utf8) }
        let wanted = size + (kind == .depth ? Self.held : 0)
        while let frame = try market.nextFrame(dueBy: .max) {
            // Beside its binary frames the market has JSON ones.
            guard frame.kind == kind, !frame.isCopy else { continue }
            let time = market.time(at: frame.due)
            let bytes = framed(frame.bytes, kind == .depth ? 1 : 2)
            if kind == .depth, times.last == time {
                updates[updates.count - 1].append(bytes)
                continue
            }
            if updates.count == wanted { break }
            if !venue.hasChannels, kind == .depth, updates.count == Self.held - 1 {
                book = market.snapshot(limit: 1_000) ?? []
            }
            updates.append([bytes])
            times.append(time)
        }
        return (updates, times, book)
    }

    func measure(_ venue: Venue, _ kind: StreamKind, isKnown: Bool) throws -> any Measure & ~Copyable {
        let (updates, times, book) = try messages(venue, kind)
        let task = SessionTask(
            venue: venue, kind: kind, updates: updates, times: times, book: book, held: Self.held, isKnown: isKnown)
        guard let endpoint = VenueCatalog.endpoint(named: venue.name) else { preconditionFailure("no \(venue.name)") }
        let options = VenueOptions(
            timeUnit: venue.name == "binance" ? .milliseconds : endpoint.timeUnit, depthPublished: 20,
            snapshotDepth: 1_000, backfillLimit: 1_000)
        try VenueCatalog.run(task, at: endpoint, options)
        guard let measure = task.box.measure.take() else { preconditionFailure("no measure") }
        return measure
    }
}

/// Makes the measure where the session's type is known.
private struct SessionTask: VenueTask {
    final class Box { var measure: (any Measure & ~Copyable)? }

    let venue: VenueFrames.Venue
    let kind: StreamKind
    let updates: [[[UInt8]]]
    let times: [Timestamp]
    let book: [UInt8]
    let held: Int
    let isKnown: Bool
    let box = Box()

    func run<Session: VenueSession & ~Copyable>(_ session: Session.Type, _ adapter: Session.Adapter) throws {
        let instrument = Instrument(
            venue: adapter.venue, symbol: "BTCUSDT", venueSymbol: venue.symbol, priceExponent: -2,
            quantityExponent: venue.quantityExponent)
        var session = try Session(adapter, instruments: [instrument])
        var events = EventBatch()
        session.connectionOpened(.main, at: times[0])
        func receive(_ bytes: [UInt8], _ session: inout Session) throws {
            _ = try session.receive(bytes.span, from: .main, at: times[0], into: &events)
        }
        for text in venue.greeting { try receive(Array(text.utf8), &session) }
        var live = updates
        if kind == .depth {
            // Where an update is several messages, the book is of the beginning.
            if !venue.hasChannels { live.removeFirst(held) }
            if venue.asksForBook {
                for message in updates[..<held].joined() { try receive(message, &session) }
                _ = try session.receiveSnapshot(book.span, for: InstrumentID(0), at: times[0], into: &events)
            } else {
                try receive(book, &session)
            }
        }
        if isKnown { for message in live.joined() { try receive(message, &session) } }
        box.measure = SessionFrames(session, live, at: Array(times.suffix(live.count)), isValid: kind == .depth)
    }
}

private struct SessionFrames<Session: VenueSession & ~Copyable>: Measure, ~Copyable {
    private var session: Session
    private let updates: [[[UInt8]]]
    private let times: [Timestamp]
    private let isValid: Bool
    private var events = EventBatch()

    init(_ session: consuming Session, _ updates: [[[UInt8]]], at times: [Timestamp], isValid: Bool) {
        self.session = session
        self.updates = updates
        self.times = times
        self.isValid = isValid
    }

    mutating func run(_ items: Range<Int>) throws {
        for item in items {
            events.removeAll()
            for message in updates[item] {
                _ = try session.receive(message.span, from: .main, at: times[item], into: &events)
            }
        }
        // Else it would be the cost of refusing them.
        precondition(!isValid || session.validity(of: InstrumentID(0)) == .valid)
    }
}
