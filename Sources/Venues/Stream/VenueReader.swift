import Microstructure

/// Reads one venue's messages: text in, the terms of `VenueMessage` out.
///
/// It keeps what reading needs: the symbols, the channel numbers and frame counters of each connection. Books, trades
/// already seen and silences are `StreamSession`'s, which is generic over it.
public protocol VenueReader: Sendable {
    associatedtype Adapter: VenueAdapter

    init(_ adapter: Adapter, _ directory: InstrumentDirectory)

    var rules: StreamRules { get }
    /// The instruments, which the session may extend.
    var directory: InstrumentDirectory { get set }

    /// Reads one message of a stream completely. After a throw, `message.payload` and `message.index` say what was being
    /// read.
    mutating func read(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError)

    /// The connection has ended: its channel numbers and frame counters mean nothing any more.
    mutating func connectionClosed(_ connection: ConnectionID)

    /// The checksum that the venue states of this book.
    func checksum(of book: borrowing OrderBook, _ forms: borrowing LevelForms, index: Int) -> UInt32

    /// Texts after which the venue sends a snapshot of the instrument's book in the stream.
    func resubscribeMessages(for index: Int, on connection: ConnectionID) -> [String]

    /// The instrument of a recording that holds no trading rules, by the venue's spelling; `nil` if it cannot be one.
    static func instrument(
        of venue: Venue, named venueSymbol: String, priceExponent: Int8, quantityExponent: Int8, tickSize: Int64
    ) -> Instrument?

    /// The venue's spelling of the symbol whose book an address over HTTP names; `nil` for any other address.
    static func symbol(ofSnapshotAddress url: String) -> String?

    // MARK: Over HTTP

    /// The request for the instrument's book; `nil` for a venue that sends it in the stream.
    func snapshotRequest(for index: Int) -> VenueRequest?
    /// Reads the answer to it as one book of `message`.
    func readSnapshot(_ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage)
        throws(ScanError)

    /// The request for trades from `first` on; `nil` if the venue has none by id.
    func tradesRequest(for index: Int, from first: Int64, limit: Int) -> VenueRequest?
    /// The request for missing trades, for a venue that needs to know more than the first id.
    func tradesRequest(for index: Int, _ missing: MissingTrades, limit: Int) -> VenueRequest?
    /// Reads the answer to it as trades of `message`: in any order where ids are contiguous, else oldest first.
    func readTrades(_ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage)
        throws(ScanError)
}

extension VenueReader {
    public mutating func connectionClosed(_ connection: ConnectionID) {}
    public func checksum(of book: borrowing OrderBook, _ forms: borrowing LevelForms, index: Int) -> UInt32 { 0 }
    public func resubscribeMessages(for index: Int, on connection: ConnectionID) -> [String] { [] }
    public static func instrument(
        of venue: Venue, named venueSymbol: String, priceExponent: Int8, quantityExponent: Int8, tickSize: Int64
    ) -> Instrument? {
        SymbolName.normalized(venueSymbol).map {
            Instrument(
                venue: venue, symbol: $0, venueSymbol: venueSymbol, priceExponent: priceExponent,
                quantityExponent: quantityExponent, tickSize: tickSize)
        }
    }
    public static func symbol(ofSnapshotAddress url: String) -> String? { nil }
    public func snapshotRequest(for index: Int) -> VenueRequest? { nil }
    public func readSnapshot(
        _ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {}
    public func tradesRequest(for index: Int, from first: Int64, limit: Int) -> VenueRequest? { nil }
    public func tradesRequest(for index: Int, _ missing: MissingTrades, limit: Int) -> VenueRequest? {
        tradesRequest(for: index, from: missing.first, limit: limit)
    }
    public func readTrades(
        _ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {}
}

/// How a venue's books and trades behave.
public struct StreamRules: Sendable, Hashable {
    /// Where a book begins.
    public enum Snapshots: Sendable, Hashable {
        /// In the stream, on each connection.
        case inStream
        /// In an answer over HTTP; the stream brings changes only.
        case overHTTP
        /// In the stream, on each connection, as long as the venue sends them there; else over HTTP. Changes are
        /// chained.
        case either
    }

    /// What the ids of trades say.
    public enum TradeIDs: Sendable, Hashable {
        /// Each is the one before it plus one, so that a missing trade shows.
        case contiguous
        /// No two trades share one; nothing more.
        case distinct
    }

    /// What a list of trades over HTTP covers, for a venue whose ids are only distinct.
    public enum TradeLists: Sendable, Hashable {
        /// The newest trades, and with `MissingTrades.before` the ones before those: until a list reaches back far enough.
        case pages
        /// All since a time.
        case wholeTime
        /// The newest trades, and no earlier ones.
        case newest
    }

    public var snapshots = Snapshots.inStream
    public var tradeIDs = TradeIDs.distinct
    public var tradeLists = TradeLists.newest
    /// Whether the checksum needs each number's digits as they were sent.
    public var needsDigits = false
    /// Whether later messages do not show that a change of a book is missing, neither by an id nor by a checksum: then a
    /// message that cannot be read discards the books that it may have been about.
    public var needsEveryChange = false
    /// Whole messages that are no JSON and mean nothing: answers to keep-alives.
    public var plainAnswers: [[UInt8]] = []

    public init(
        snapshots: Snapshots = .inStream, tradeIDs: TradeIDs = .distinct,
        tradeLists: TradeLists = .newest, needsDigits: Bool = false, needsEveryChange: Bool = false,
        plainAnswers: [String] = []
    ) {
        self.snapshots = snapshots
        self.tradeIDs = tradeIDs
        self.tradeLists = tradeLists
        self.needsDigits = needsDigits
        self.needsEveryChange = needsEveryChange
        self.plainAnswers = plainAnswers.map { Array($0.utf8) }
    }
}
