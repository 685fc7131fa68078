import Microstructure

/// Version 1 of Kraken's protocol, for recordings: arrays with a channel's number first and the pair last, checksums as
/// text, trades without ids. Live sessions speak version 2.
///
/// Source: Kraken WebSocket API 1.9; recordings of 2021-04-05.
public struct KrakenFirstReader: VenueReader {
    public typealias Adapter = KrakenAdapter

    public var directory: InstrumentDirectory
    /// Trades of each instrument so far, which are their ids.
    private var tradeCounts: [Int64] = []

    public init(_ adapter: KrakenAdapter, _ directory: InstrumentDirectory) { self.directory = directory }

    public let rules = StreamRules(tradeIDs: .contiguous, needsDigits: true)

    public mutating func read(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        guard try scanner.peek() == .array else {
            // Answers, heartbeats, the venue's status.
            try scanner.skipValue()
            return message.note = .acknowledgement
        }
        // The pair comes last, so the contents are read after it.
        var parts: [JSONScanner] = []
        var texts: [JSONString] = []
        try scanner.eachElement { (scanner) throws(ScanError) in
            switch try scanner.peek() {
            case .object, .array:
                guard parts.count < 2 else { throw ScanError(.wrongType, at: scanner.position) }
                parts.append(scanner)
                try scanner.skipValue()
            case .string: texts.append(try scanner.string())
            default: try scanner.skipValue()
            }
        }
        guard let pair = texts.last, texts.count == 2, !parts.isEmpty else {
            throw ScanError(.missingField, at: scanner.position)
        }
        let index = directory.index(of: pair, scanner, noting: &message)
        guard index >= 0 else { return }
        if scanner.equals(texts[0], "trade") { return try readTrades(&parts[0], index, at: time, into: &message) }
        let channel = scanner.text(of: texts[0])
        guard channel.hasPrefix("book-"), let depth = Int(channel.dropFirst(5)), depth > 0 else {
            return message.note = .unknownEvent
        }
        try readBook(&parts, index, depth, at: time, into: &message)
    }

    private func readBook(
        _ parts: inout [JSONScanner], _ index: Int, _ depth: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .depthUpdate
        var isSnapshot = false
        var bids = message.levels.count..<message.levels.count
        var asks = bids
        var checksum: UInt32?
        let scale = directory.scale(index)
        for place in parts.indices {
            try parts[place].eachMember { (key, scanner) throws(ScanError) in
                if scanner.equals(key, "as") || scanner.equals(key, "bs") { isSnapshot = true }
                if scanner.equals(key, "a") || scanner.equals(key, "as") {
                    asks = try message.readLevels(&scanner, of: scale, needsDigits: true)
                } else if scanner.equals(key, "b") || scanner.equals(key, "bs") {
                    bids = try message.readLevels(&scanner, of: scale, needsDigits: true)
                } else if scanner.equals(key, "c") {
                    checksum = try scanner.wholeNumber().flatMap { UInt32(exactly: $0) }
                    guard checksum != nil else { throw ScanError(.numberOutOfRange, at: scanner.position) }
                } else {
                    try scanner.skipValue()
                }
            }
        }
        message.books.append(
            VenueMessage.Book(
                index: index, isSnapshot: isSnapshot, bids: bids, asks: asks, link: .none, checksum: checksum,
                depth: depth, venueTime: time))
    }

    /// `[["5541.20000","0.15850568","1534614057.321597","s","l",""],…]`.
    private mutating func readTrades(
        _ scanner: inout JSONScanner, _ index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trade
        let scale = directory.scale(index)
        while tradeCounts.count <= index { tradeCounts.append(0) }
        var id = tradeCounts[index]
        try scanner.eachElement { (scanner) throws(ScanError) in
            try scanner.beginArray()
            guard try scanner.nextElement() else { throw ScanError(.wrongType, at: scanner.position) }
            let price = try scanner.decimal(exponent: scale.price)
            guard try scanner.nextElement() else { throw ScanError(.wrongType, at: scanner.position) }
            let quantity = try scanner.decimal(exponent: scale.quantity)
            guard try scanner.nextElement() else { throw ScanError(.wrongType, at: scanner.position) }
            let nanoseconds = try scanner.decimal(exponent: -9)
            guard try scanner.nextElement() else { throw ScanError(.wrongType, at: scanner.position) }
            let isSell = scanner.equals(try scanner.string(), "s")
            while try scanner.nextElement() { try scanner.skipValue() }
            id += 1
            try message.appendTrade(
                id: id, price: price, quantity: quantity, isSell ? .sell : .buy, of: index,
                EventTimes(venue: Timestamp(nanoseconds: nanoseconds), receive: time), at: scanner.position)
        }
        tradeCounts[index] = id
    }

    public func checksum(of book: borrowing OrderBook, _ forms: borrowing LevelForms, index: Int) -> UInt32 {
        KrakenChecksum.value(of: book, forms, directory.scale(index))
    }

    /// `XBT/USD` is `BTC/USD` today.
    public static func instrument(
        of venue: Venue, named venueSymbol: String, priceExponent: Int8, quantityExponent: Int8, tickSize: Int64
    ) -> Instrument? {
        let assets = venueSymbol.split(separator: "/").map { KrakenAdapter.currentName(of: String($0)) }
        guard assets.count == 2, let symbol = SymbolName.normalized(assets[0] + assets[1]) else { return nil }
        return Instrument(
            venue: venue, symbol: symbol, venueSymbol: venueSymbol, priceExponent: priceExponent,
            quantityExponent: quantityExponent, tickSize: tickSize, baseAsset: assets[0], quoteAsset: assets[1])
    }
}
