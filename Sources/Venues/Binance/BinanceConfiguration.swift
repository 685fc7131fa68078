import Microstructure

/// Which streams are opened for every instrument.
public struct BinanceStreams: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `@depth@100ms`: the changes of the whole book.
    public static let depth = BinanceStreams(rawValue: 1)
    /// `@trade`: single executions.
    public static let trades = BinanceStreams(rawValue: 2)
    /// `@bookTicker`, `@bestBidAsk` in binary: best bid and ask at once.
    public static let bookTicker = BinanceStreams(rawValue: 4)

    public static let all: BinanceStreams = [.depth, .trades, .bookTicker]

    /// The streams' names behind the symbol. The venue sets the rate of binary depth (20 ms in 2026-08).
    func suffixes(of market: BinanceMarket) -> [String] {
        var result: [String] = []
        if contains(.depth) { result.append(market == .sbe ? "depth" : "depth@100ms") }
        if contains(.trades) { result.append("trade") }
        if contains(.bookTicker) { result.append(market == .sbe ? "bestBidAsk" : "bookTicker") }
        return result
    }
}

/// Settings of a session with one of Binance's markets. Each limit says what happens beyond it.
public struct BinanceConfiguration: Sendable {
    /// Most streams per connection. Beyond it the venue disconnects, so the configuration is refused.
    public static let streamLimit = 1_024

    /// All from one venue.
    public var instruments: [Instrument]
    /// The market whose rules hold; initially that of the first instrument's venue, read as text.
    public var market: BinanceMarket
    public var streams = BinanceStreams.all
    public var timeUnit = VenueTimeUnit.milliseconds
    /// Best levels a side in each book event, 1…5,000.
    public var depthPublished = 20
    /// Levels a side requested in a snapshot, 1…5,000, on futures 1…1,000. Deeper levels are unknown until they change.
    public var snapshotDepth: Int
    /// Most levels kept a side. Those furthest from the best price are dropped and counted.
    public var bookLevelLimit = 10_000
    /// Most depth updates held per instrument while waiting for a snapshot (2,000 are 200 s of `@100ms`). The oldest
    /// are dropped and counted; a snapshot older than the oldest one left is requested again.
    public var pendingUpdateLimit = 2_000
    /// Most bytes of an instrument's held updates; beyond it as above. The newest update is always held.
    public var pendingByteLimit = 8 << 20
    /// Most trades fetched for one gap; older ones are given up and counted. Each thousand costs a request of weight
    /// 25, on futures 20.
    public var backfillLimit = 10_000
    /// Largest stream frame; a larger one is rejected unread.
    public var frameByteLimit = 1 << 20
    /// Largest REST body; 5,000 levels a side are about 350 kB. A larger one is rejected unread.
    public var snapshotByteLimit = 8 << 20

    public init(instruments: [Instrument]) {
        self.instruments = instruments
        market = instruments.first.map { BinanceMarket(of: $0.venue) } ?? .global
        snapshotDepth = market.snapshotLimit
    }

    /// Throws `.badConfiguration` for the first invalid setting.
    func validate() throws(VenueError) {
        func require(_ condition: Bool, _ complaint: @autoclosure () -> String) throws(VenueError) {
            guard condition else { throw .badConfiguration(complaint()) }
        }
        try require(!instruments.isEmpty, "no instruments")
        try require(!streams.isEmpty, "no streams")
        let streamCount = instruments.count * streams.suffixes(of: market).count
        try require(
            streamCount <= Self.streamLimit, "\(streamCount) streams; a connection carries \(Self.streamLimit)")
        for instrument in instruments {
            try require(
                instrument.venue == instruments[0].venue,
                "\(instrument.symbol) is an instrument of \(instrument.venue), not of \(instruments[0].venue)")
            let symbol = instrument.venueSymbol
            try require(
                !symbol.isEmpty && symbol.utf8.count <= SymbolName.byteLimit,
                "the symbol \"\(symbol)\" must have 1 to \(SymbolName.byteLimit) bytes")
            // These characters would end the symbol in a stream's name or in JSON.
            try require(
                !symbol.utf8.contains { $0 < 0x20 || "\"\\@".utf8.contains($0) },
                "the symbol \"\(symbol)\" has a quote, a backslash, an @ or a control character")
        }
        try require((1...5_000).contains(depthPublished), "depthPublished is \(depthPublished), not 1 to 5000")
        try require(
            (1...market.snapshotLimit).contains(snapshotDepth),
            "snapshotDepth is \(snapshotDepth), not 1 to \(market.snapshotLimit)")
        try require(
            bookLevelLimit >= depthPublished,
            "bookLevelLimit \(bookLevelLimit) is below depthPublished \(depthPublished)")
        try require(
            snapshotDepth >= depthPublished, "snapshotDepth \(snapshotDepth) is below depthPublished \(depthPublished)")
        try require(backfillLimit >= 0, "backfillLimit is \(backfillLimit), below 0")
        try require(pendingUpdateLimit >= 1, "pendingUpdateLimit is \(pendingUpdateLimit), not 1 or more")
        try require(
            pendingByteLimit >= 1 && frameByteLimit >= 1 && snapshotByteLimit >= 1, "a byte limit is below 1")
        // Frame positions are stored in 32 bits.
        try require(frameByteLimit <= Int(Int32.max), "frameByteLimit is \(frameByteLimit), above \(Int32.max)")
    }
}
