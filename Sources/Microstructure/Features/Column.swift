/// One column of a feature vector: its name, and the meaning of its values.
///
/// The only description of a column: detectors read which columns a new book epoch resets and which side a rise
/// supports, explanations read the wording, documents their tables. No code infers these from the name.
public struct Column: Sendable, Hashable {
    /// The name that consumers bind to: unique in a schema, and never reused for another quantity.
    public let name: String
    public let source: Source
    public let side: Side
    public let unit: Unit
    /// A short noun phrase that fits into a sentence: "the spread in basis points".
    public let meaning: String

    public init(_ name: String, source: Source, side: Side = .unsigned, unit: Unit, meaning: String) {
        self.name = name
        self.source = source
        self.side = side
        self.unit = unit
        self.meaning = meaning
    }

    /// The data that a column is computed from.
    public enum Source: String, Sendable, Hashable, CaseIterable {
        /// The levels of the book.
        case book
        /// The best bid and ask of the venue's quotes, or of the book if there are no quotes.
        case quotes
        case trades
        /// The single orders of the book.
        case orders
        /// The time only.
        case clock
        /// The markets of a group together.
        case group

        /// Whether a new book epoch breaks the column's series: values learnt before it do not apply after it. Trades
        /// and the clock continue.
        public var isResetByBookEpoch: Bool {
            switch self {
            case .book, .quotes, .orders, .group: true
            case .trades, .clock: false
            }
        }
    }

    /// Whether a rise of the column supports a side of the market.
    public enum Side: String, Sendable, Hashable, CaseIterable {
        /// A rise is buying pressure and a fall is selling pressure.
        case signed
        /// Neither side: spread, volume, volatility.
        case unsigned
    }

    /// The unit of a value. An open set: people read `rawValue`.
    public struct Unit: RawRepresentable, Sendable, Hashable, Codable {
        public let rawValue: String

        public init(rawValue: String) { self.rawValue = rawValue }

        /// A plain number: a ratio, a count, a probability.
        public static let one = Unit(rawValue: "1")
        public static let basisPoints = Unit(rawValue: "bps")
        /// The unit of prices: USDT for BTC/USDT.
        public static let quoteCurrency = Unit(rawValue: "quote currency")
        /// The unit of sizes: BTC for BTC/USDT.
        public static let baseCurrency = Unit(rawValue: "base currency")
        /// The column is a z-score already.
        public static let standardDeviations = Unit(rawValue: "standard deviations")
        public static let perSecond = Unit(rawValue: "1 / s")
        public static let seconds = Unit(rawValue: "s")
        public static let minutes = Unit(rawValue: "min")
        public static let hours = Unit(rawValue: "h")
    }
}
