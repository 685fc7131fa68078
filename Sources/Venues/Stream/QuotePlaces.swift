import Microstructure

/// Where the four numbers of a best bid and ask stand in a message; they are read once the instrument is known.
struct QuotePlaces {
    var bid: JSONScanner?
    var bidSize: JSONScanner?
    var ask: JSONScanner?
    var askSize: JSONScanner?

    /// The quote, without an id of its own; `.missingField` if one of the numbers is missing.
    ///
    /// - Parameter number: reads a number in units of the given exponent.
    func quote(
        of index: Int, _ scale: PriceScale, _ times: EventTimes, at offset: Int,
        number: (inout JSONScanner, Int8) throws(ScanError) -> Int64
    ) throws(ScanError) -> Quote {
        guard var bid, var bidSize, var ask, var askSize else { throw ScanError(.missingField, at: offset) }
        return Quote(
            instrument: InstrumentID(index), times: times, updateID: -1,
            bid: PriceLevel(
                price: Price(try number(&bid, scale.price)), quantity: Quantity(try number(&bidSize, scale.quantity))),
            ask: PriceLevel(
                price: Price(try number(&ask, scale.price)), quantity: Quantity(try number(&askSize, scale.quantity))))
    }
}
