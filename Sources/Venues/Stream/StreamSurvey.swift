import Microstructure

/// Finds a recording's instruments and the scales of their numbers: symbols as they come, and units fine enough for
/// every number.
public struct StreamSurvey<Reader: VenueReader>: Sendable {
    private let venue: Venue
    private var reader: Reader
    private var message = VenueMessage()
    private var prices: [NumberSurvey] = []
    private var sizes: [NumberSurvey] = []
    /// Messages that could not be read.
    public private(set) var unreadable = 0

    /// Units to begin with, and the finest, as powers of ten.
    private static var firstExponent: Int8 { -8 }
    private static var finestExponent: Int8 { -14 }
    /// More symbols than a connection carries.
    private static var symbolLimit: Int { 10_000 }

    public init(_ adapter: Reader.Adapter) throws(VenueError) {
        venue = adapter.venue
        reader = Reader(adapter, try InstrumentDirectory([]))
        message.namesUnknownSymbols = true
    }

    /// Takes a message of the stream.
    public mutating func process(_ frame: Span<UInt8>, from connection: ConnectionID = .main, at time: Timestamp) {
        process(frame) { (reader, scanner, message) throws(ScanError) in
            try reader.read(&scanner, from: connection, at: time, into: &message)
        }
    }

    /// Takes an answer with a whole book of `symbol`, in the venue's spelling.
    public mutating func process(snapshot body: Span<UInt8>, of symbol: String, at time: Timestamp) {
        guard let index = index(of: symbol) else { return unreadable += 1 }
        process(body) { (reader, scanner, message) throws(ScanError) in
            try reader.readSnapshot(&scanner, of: index, at: time, into: &message)
        }
    }

    private mutating func process(
        _ text: Span<UInt8>,
        _ read: (inout Reader, inout JSONScanner, inout VenueMessage) throws(ScanError) -> Void
    ) {
        // Each attempt adds a symbol or refines a unit.
        while true {
            message.clear()
            do throws(ScanError) {
                try text.withUnsafeBufferPointer { (bytes) throws(ScanError) in
                    if reader.rules.plainAnswers.contains(where: { $0.elementsEqual(bytes) }) { return }
                    var scanner = JSONScanner(bytes)
                    try read(&reader, &scanner, &message)
                }
            } catch {
                guard error.kind == .doesNotFit || error.kind == .numberOutOfRange, message.index >= 0,
                    rescale(message.index, error.kind == .doesNotFit ? -1 : 1)
                else {
                    unreadable += 1
                    return
                }
                continue
            }
            guard let symbol = message.unknownSymbol else { return take() }
            guard index(of: symbol) != nil else { return unreadable += 1 }
        }
    }

    /// The index of `symbol`, which is added if it is new; `nil` if it is no symbol.
    private mutating func index(of symbol: String) -> Int? {
        if let known = reader.directory.instruments.firstIndex(where: { $0.venueSymbol == symbol }) { return known }
        guard reader.directory.count < Self.symbolLimit,
            let instrument = Reader.instrument(
                of: venue, named: symbol, priceExponent: Self.firstExponent, quantityExponent: Self.firstExponent,
                tickSize: 1),
            (try? reader.directory.add(instrument)) != nil
        else { return nil }
        prices.append(NumberSurvey())
        sizes.append(NumberSurvey())
        return reader.directory.count - 1
    }

    private mutating func rescale(_ index: Int, _ step: Int8) -> Bool {
        let old = reader.directory.instruments[index]
        let exponent = old.priceExponent + step
        // Once finer, never coarser again: the two would go on for ever.
        guard exponent >= Self.finestExponent, exponent <= 0, step < 0 || exponent > Self.firstExponent,
            prices[index].rescale(by: step), sizes[index].rescale(by: step),
            let new = Reader.instrument(
                of: venue, named: old.venueSymbol, priceExponent: exponent, quantityExponent: exponent, tickSize: 1)
        else { return false }
        reader.directory.replace(new, at: index)
        return true
    }

    private mutating func take() {
        for change in message.books {
            for place in [change.bids, change.asks].joined() {
                prices[change.index].add(message.levels[place].price.mantissa)
                sizes[change.index].add(message.levels[place].quantity.mantissa)
            }
        }
        for trade in message.trades {
            prices[trade.instrument.index].add(trade.price.mantissa)
            sizes[trade.instrument.index].add(trade.quantity.mantissa)
        }
        for quote in message.quotes {
            for level in [quote.bid, quote.ask] {
                prices[quote.instrument.index].add(level.price.mantissa)
                sizes[quote.instrument.index].add(level.quantity.mantissa)
            }
        }
    }

    /// The instruments in the order in which they came, in the coarsest units that hold all their numbers; the tick is the
    /// greatest common divisor of the prices.
    public func instruments() -> [Instrument] {
        reader.directory.instruments.enumerated().compactMap { index, instrument in
            let price = prices[index].unit(at: instrument.priceExponent)
            let size = sizes[index].unit(at: instrument.quantityExponent)
            return Reader.instrument(
                of: venue, named: instrument.venueSymbol, priceExponent: price.exponent,
                quantityExponent: size.exponent, tickSize: price.step)
        }
    }
}

/// The greatest common divisor of the numbers seen.
private struct NumberSurvey: Sendable {
    private var divisor: Int64 = 0

    mutating func add(_ number: Int64) {
        guard number != 0, divisor != 1 else { return }
        var (a, b) = (divisor.magnitude, number.magnitude)
        while b != 0 { (a, b) = (b, a % b) }
        divisor = Int64(clamping: a)
    }

    /// The unit becomes finer by `-step` decimals; `false` if that does not fit.
    mutating func rescale(by step: Int8) -> Bool {
        guard step < 0 else { return divisor == 0 }
        let (product, overflow) = divisor.multipliedReportingOverflow(by: 10)
        divisor = product
        return !overflow
    }

    /// The coarsest unit that holds all numbers, not above one, and the divisor in it.
    func unit(at exponent: Int8) -> (exponent: Int8, step: Int64) {
        guard divisor > 0 else { return (exponent, 1) }
        var (exponent, step) = (exponent, divisor)
        while exponent < 0, step % 10 == 0 { (exponent, step) = (exponent + 1, step / 10) }
        return (exponent, step)
    }
}
