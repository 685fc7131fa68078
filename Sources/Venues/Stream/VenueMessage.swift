import Microstructure

/// What one message of a venue says, in terms that all venues share. One buffer is reused for all messages.
public struct VenueMessage: Sendable {
    /// A change of a book, or a whole one.
    public struct Book: Sendable, Hashable {
        /// The instrument's.
        public var index: Int
        public var isSnapshot: Bool
        /// Ranges of `levels`. A size of zero removes a level; one price may come twice, the last one counts.
        public var bids: Range<Int>
        public var asks: Range<Int>
        public var link: BookLink
        /// What the book must have after the change, as the venue states it.
        public var checksum: UInt32?
        /// Levels a side that the venue keeps up to date; further ones are dropped, as the venue does without saying so.
        /// `nil` keeps all.
        public var depth: Int?
        public var venueTime: Timestamp

        public init(
            index: Int, isSnapshot: Bool, bids: Range<Int>, asks: Range<Int>, link: BookLink, checksum: UInt32? = nil,
            depth: Int? = nil, venueTime: Timestamp
        ) {
            self.index = index
            self.isSnapshot = isSnapshot
            self.bids = bids
            self.asks = asks
            self.link = link
            self.checksum = checksum
            self.depth = depth
            self.venueTime = venueTime
        }
    }

    /// What a message without market data is.
    public enum Note: Sendable, Hashable {
        case none
        /// An answer to a request, or a heartbeat.
        case acknowledgement
        /// Of a kind that is not known or not wanted.
        case unknownEvent
        /// Of an instrument that the session does not have.
        case unknownStream
        /// The venue is about to close the connection.
        case shutdown
        /// The venue's own error.
        case refused(code: Int64, message: String)
    }

    public internal(set) var books: [Book] = []
    /// The levels of all books, one after another.
    public internal(set) var levels: [PriceLevel] = []
    /// The form of each level's numbers; empty unless `StreamRules.needsDigits`.
    public internal(set) var forms: [LevelForm] = []
    /// Changes of books by order, and whole ones.
    public internal(set) var orderChanges: [OrderChange] = []
    /// The updates of all of them, one after another.
    public internal(set) var orders: [OrderUpdate] = []
    public internal(set) var trades: [Trade] = []
    /// Whether the trades are older than the subscription: only those missed are new.
    public var hasPastTrades = false
    /// The newest trade that the venue says it has issued of the instrument `index`, at `lastTradeTime`: what is missing up
    /// to it was lost. Only for ids that are contiguous.
    public var lastTradeID: Int64?
    public var lastTradeTime = Timestamp(nanoseconds: 0)
    /// A quote without an id has the id −1.
    public internal(set) var quotes: [Quote] = []
    public var note = Note.none
    /// Messages of this connection are missing before this one; nobody knows of which instrument.
    public var isAfterLoss = false
    /// Levels that were left out because their numbers make no sense.
    public var refusedLevels: UInt64 = 0

    /// What is being read, for errors.
    public var payload = PayloadKind.frame
    /// The instrument that is being read; −1 if none is known.
    public var index = -1
    /// The symbol of `.unknownStream`; noted only if asked for, since it allocates.
    public private(set) var unknownSymbol: String?
    var namesUnknownSymbols = false

    init() {}

    mutating func clear() {
        books.removeAll(keepingCapacity: true)
        levels.removeAll(keepingCapacity: true)
        forms.removeAll(keepingCapacity: true)
        orderChanges.removeAll(keepingCapacity: true)
        orders.removeAll(keepingCapacity: true)
        trades.removeAll(keepingCapacity: true)
        quotes.removeAll(keepingCapacity: true)
        hasPastTrades = false
        lastTradeID = nil
        note = .none
        isAfterLoss = false
        refusedLevels = 0
        payload = .frame
        index = -1
        unknownSymbol = nil
    }

    var isEmpty: Bool { books.isEmpty && orderChanges.isEmpty && trades.isEmpty && quotes.isEmpty }

    /// The message is of an instrument that the session does not have.
    mutating func setUnknown(_ symbol: JSONString, _ scanner: borrowing JSONScanner) {
        note = .unknownStream
        if namesUnknownSymbols { unknownSymbol = scanner.text(of: symbol) }
    }

    /// Throws `.missingField` unless an unknown symbol was noted: the message names none.
    func checkNamed(at offset: Int) throws(ScanError) {
        guard note == .unknownStream else { throw ScanError(.missingField, at: offset) }
    }

    // MARK: Levels

    /// Reads `[["61837.63","1.5",…],…]`, numbers quoted or bare, further elements skipped; returns the levels' range.
    ///
    /// Prices must be positive and sizes not negative, else `.numberOutOfRange`.
    mutating func readLevels(
        _ scanner: inout JSONScanner, of scale: PriceScale, needsDigits: Bool = false
    ) throws(ScanError) -> Range<Int> {
        let start = levels.count
        try scanner.beginArray()
        while try scanner.nextElement() {
            try scanner.beginArray()
            guard try scanner.nextElement() else { throw ScanError(.wrongType, at: scanner.position) }
            let price = try scanner.decimalWithForm(exponent: scale.price)
            guard try scanner.nextElement() else { throw ScanError(.wrongType, at: scanner.position) }
            let quantity = try scanner.decimalWithForm(exponent: scale.quantity)
            while try scanner.nextElement() { try scanner.skipValue() }
            try append(price, quantity, needsDigits, at: scanner.position)
        }
        return start..<levels.count
    }

    /// Adds a level of two numbers read by `decimalWithForm`.
    mutating func append(
        _ price: (value: Int64, decimals: Int8), _ quantity: (value: Int64, decimals: Int8), _ needsDigits: Bool,
        at offset: Int
    ) throws(ScanError) {
        guard price.value > 0, quantity.value >= 0 else { throw ScanError(.numberOutOfRange, at: offset) }
        levels.append(PriceLevel(price: Price(price.value), quantity: Quantity(quantity.value)))
        if needsDigits { forms.append(LevelForm(priceDecimals: price.decimals, sizeDecimals: quantity.decimals)) }
    }
}

extension VenueMessage {
    /// Adds a trade; price and size must be positive, else `.numberOutOfRange`.
    mutating func appendTrade(
        id: Int64, price: Int64, quantity: Int64, _ aggressor: AggressorSide, of index: Int, _ times: EventTimes,
        at offset: Int
    ) throws(ScanError) {
        guard price > 0, quantity > 0, id >= 0, id < .max else { throw ScanError(.numberOutOfRange, at: offset) }
        trades.append(
            Trade(
                instrument: InstrumentID(index), times: times, id: id, price: Price(price),
                quantity: Quantity(quantity), aggressor: aggressor))
    }
}

extension JSONScanner {
    /// The side of `buy`, `Buy`, `sell` or `Sell`; `nil` for other text.
    func aggressor(_ text: JSONString) -> AggressorSide? {
        if equals(text, "buy") || equals(text, "Buy") { return .buy }
        return equals(text, "sell") || equals(text, "Sell") ? .sell : nil
    }
}
