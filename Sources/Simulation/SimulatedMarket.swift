import Microstructure

/// One symbol's market as an exchange shows it: frames that fall due, and the book on request.
///
/// A market reads no clock. Its time is an *offset*: nanoseconds since the market was opened, at market speed;
/// `MarketClock` makes one of wall-clock time.
public protocol SimulatedMarket {
    /// What trades, for the exchange's list of symbols.
    var listing: Listing { get }
    /// The venue's time at offset 0.
    var startTime: Timestamp { get }
    var phase: MarketPhase { get }
    /// Offset of the next frame, or of the place to hold at, in ns; `nil` after the end.
    var nextDue: Int64? { get }
    /// The next frame if it is due by `offset` (ns), else `nil`. Call it until it returns `nil`.
    mutating func nextFrame(dueBy offset: Int64) throws(CaptureError) -> MarketFrame?
    /// The answer to `GET /api/v3/depth`: JSON with at most `limit` levels a side, best first;
    /// `nil` where the book is not known (after a hole in a capture).
    mutating func snapshot(limit: Int) -> [UInt8]?
    /// The events that were planted and have begun, oldest first; none in a recording.
    var planted: [PlantedEvent] { get }
    /// Ends a hold for which no client's snapshot request came.
    mutating func release()
}

extension SimulatedMarket {
    public var planted: [PlantedEvent] { [] }

    /// The venue's time at `offset` ns.
    public func time(at offset: Int64) -> Timestamp { startTime.advanced(byNanoseconds: offset) }
}

public enum MarketPhase: Sendable, Hashable {
    case running
    /// Waits at the place where the recorder fetched its snapshot until a client has fetched it too.
    case held
    /// No further frame will come.
    case ended
}

/// A message of a stream, as the combined endpoint sends it.
public struct MarketFrame: Sendable, Equatable {
    /// The stream's name, e.g. `btcusdt@depth@100ms`.
    public let stream: String
    public let kind: StreamKind
    /// Offset at which it is due, in ns.
    public let due: Int64
    /// `{"stream":…,"data":…}`.
    public let bytes: [UInt8]
    /// Where the value of `data` lies in `bytes`: what the raw endpoint sends.
    public let payload: Range<Int>
}

/// What a stream carries; statistics are kept by it.
public enum StreamKind: Int, Sendable, Hashable, CaseIterable {
    case depth, trade, bookTicker, other

    /// The kind of the stream called `name`: the part behind the first `@` decides.
    init(streamName name: String) {
        switch name.split(separator: "@", maxSplits: 1).dropFirst().first {
        case "depth", "depth@100ms": self = .depth
        case "trade": self = .trade
        case "bookTicker": self = .bookTicker
        default: self = .other
        }
    }
}

/// What the exchange's list of symbols says of one.
public struct Listing: Sendable, Hashable {
    /// Upper case, e.g. `BTCUSDT`.
    public var symbol: String
    public var baseAsset: String
    public var quoteAsset: String
    /// Smallest price step in 10⁻⁸ of the quote asset.
    public var tickSize: Int64
    /// Smallest size step in 10⁻⁸ of the base asset.
    public var stepSize: Int64

    public init(symbol: String, baseAsset: String, quoteAsset: String, tickSize: Int64, stepSize: Int64) {
        self.symbol = symbol
        self.baseAsset = baseAsset
        self.quoteAsset = quoteAsset
        self.tickSize = tickSize
        self.stepSize = stepSize
    }

    /// The exchange's rule of a name: 1 to 20 capital letters, digits, dashes, underscores and dots.
    public static func isSymbol(_ text: String) -> Bool {
        (1...20).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || [0x2D, 0x5F, 0x2E].contains($0)
            }
    }

    /// `symbol` split into its assets by the quote assets in use; the quote asset is empty where none fits.
    public static func assets(of symbol: String) -> (base: String, quote: String) {
        let quotes = ["FDUSD", "USDT", "USDC", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY", "USD"]
        guard let quote = quotes.first(where: { symbol.hasSuffix($0) && symbol.utf8.count > $0.utf8.count }) else {
            return (symbol, "")
        }
        return (String(symbol.dropLast(quote.utf8.count)), quote)
    }

    /// `tickSize` in the venue's format, e.g. `0.01000000`.
    public var tickSizeText: String { String(decoding: DecimalText.text(tickSize), as: UTF8.self) }

    /// `stepSize` in the venue's format.
    public var stepSizeText: String { String(decoding: DecimalText.text(stepSize), as: UTF8.self) }
}
