import Microstructure

/// One trade as the feeds and the HTTP service write it, member by member in any order: the scales of its numbers are
/// known only once its product is.
struct CoinbaseMatch {
    /// Ids are below this: sums of missing ones do not overflow.
    static let idLimit: Int64 = 1 << 53

    /// The instrument's; −1 if it is not known.
    var index = -1
    private var id: Int64?
    private var price: JSONScanner?
    private var size: JSONScanner?
    private var aggressor: AggressorSide?
    private var venueTime: Timestamp?

    /// Reads the value of `key`.
    @inline(__always)
    mutating func read(_ key: JSONString, _ scanner: inout JSONScanner) throws(ScanError) {
        if scanner.equals(key, "trade_id") {
            id = try Self.id(&scanner)
        } else if scanner.equals(key, "side") {
            aggressor = scanner.aggressor(ofMaker: try scanner.string())
        } else if scanner.equals(key, "size") {
            size = scanner
            try scanner.skipValue()
        } else if scanner.equals(key, "price") {
            price = scanner
            try scanner.skipValue()
        } else if scanner.equals(key, "time") {
            venueTime = try scanner.timeIfValid()
        } else {
            try scanner.skipValue()
        }
    }

    /// A trade's id, quoted or bare; `nil` if there is none.
    static func id(_ scanner: inout JSONScanner) throws(ScanError) -> Int64? {
        guard let id = try scanner.wholeNumber() else { return nil }
        guard (0..<idLimit).contains(id) else { throw ScanError(.numberOutOfRange, at: scanner.position) }
        return id
    }

    /// Adds the trade; `.missingField` if it is not complete.
    func append(
        to message: inout VenueMessage, _ scale: PriceScale, at time: Timestamp, offset: Int
    ) throws(ScanError) {
        guard let id, var price, var size, let aggressor else { throw ScanError(.missingField, at: offset) }
        try message.appendTrade(
            id: id, price: price.decimal(exponent: scale.price), quantity: size.decimal(exponent: scale.quantity),
            aggressor, of: index, EventTimes(venue: venueTime ?? time, receive: time), at: offset)
    }
}
