@testable import Microstructure

/// A list of events for an engine, with the levels they refer to. Prices and sizes are whole units.
struct MarketScript {
    static let id = InstrumentID(3)

    private(set) var events: [MarketEvent] = []
    private(set) var levels: [PriceLevel] = []

    static func times(_ nanoseconds: Int64) -> EventTimes {
        // A venue clock 5 ns ahead: nothing may depend on it.
        EventTimes(
            venue: Timestamp(nanoseconds: nanoseconds).advanced(byNanoseconds: 5),
            receive: Timestamp(nanoseconds: nanoseconds))
    }

    mutating func book(
        _ time: Int64, bids: [(Int64, Int64)], asks: [(Int64, Int64)], epoch: UInt64 = 1, validity: Validity = .valid,
        tickSize: Int64 = 1, updateID: Int64 = 1, venue: Int64? = nil, id: InstrumentID = id
    ) {
        var times = Self.times(time)
        if let venue { times.venue = Timestamp(nanoseconds: venue) }
        let begin = levels.count
        levels += (bids + asks).map { PriceLevel(price: Price($0.0), quantity: Quantity($0.1)) }
        let middle = begin + bids.count
        events.append(
            .book(
                BookSnapshot(
                    instrument: id, times: times, epoch: epoch, updateID: updateID, validity: validity,
                    tickSize: tickSize, bids: begin..<middle, asks: middle..<levels.count)))
    }

    /// - Parameter venue: the venue's time; the receive time's without it.
    mutating func trade(
        _ time: Int64, price: Int64 = 100, size: Int64 = 1, _ side: AggressorSide = .buy, isBackfilled: Bool = false,
        venue: Int64? = nil, id: InstrumentID = id
    ) {
        var times = Self.times(time)
        if let venue { times.venue = Timestamp(nanoseconds: venue) }
        events.append(
            .trade(
                Trade(
                    instrument: id, times: times, id: Int64(events.count), price: Price(price),
                    quantity: Quantity(size), aggressor: side, isBackfilled: isBackfilled)))
    }

    mutating func quote(
        _ time: Int64, bid: (Int64, Int64) = (1, 1), ask: (Int64, Int64) = (1, 1), updateID: Int64 = 1
    ) {
        func level(_ pair: (Int64, Int64)) -> PriceLevel {
            PriceLevel(price: Price(pair.0), quantity: Quantity(pair.1))
        }
        events.append(
            .quote(
                Quote(
                    instrument: Self.id, times: Self.times(time), updateID: updateID, bid: level(bid), ask: level(ask)))
        )
    }

    mutating func heartbeat(_ time: Int64, _ validity: Validity = .valid, epoch: UInt64 = 1) {
        events.append(
            .heartbeat(
                Heartbeat(instrument: Self.id, times: Self.times(time), validity: validity, epoch: epoch)))
    }
}

/// A vector as a consumer sees it.
struct Vector {
    let header: FeatureHeader
    let values: [Double]
    let schema: FeatureSchema
    /// Which event of the list wrote it.
    let index: Int

    subscript(name: String) -> Double {
        guard let index = schema.index(of: name) else { preconditionFailure("no column \(name)") }
        return values[index]
    }
}

extension FeatureEngine {
    static func forTests(
        _ parameters: FeatureParameters = FeatureParameters(), priceExponent: Int8 = 0, quantityExponent: Int8 = 0
    ) -> FeatureEngine {
        let instrument = Instrument(
            venue: .binance, symbol: "TEST", priceExponent: priceExponent, quantityExponent: quantityExponent)
        return FeatureEngine(instrument: instrument, id: MarketScript.id, parameters: parameters)
    }

    /// Takes all events and returns all vectors.
    mutating func run(_ market: MarketScript) -> [Vector] {
        var vectors: [Vector] = []
        for (index, event) in market.events.enumerated() {
            if let header = process(event, levels: market.levels.span) {
                vectors.append(Vector(header: header, values: values, schema: schema, index: index))
            }
        }
        return vectors
    }
}

let second: Int64 = 1_000_000_000

/// Equal to `tolerance` relative to the larger of the two and `scale`; NaN equals NaN only.
func isClose(_ left: Double, _ right: Double, scale: Double = 0, tolerance: Double = 1e-12) -> Bool {
    if left.isNaN || right.isNaN { return left.isNaN && right.isNaN }
    return abs(left - right) <= tolerance * max(abs(left), abs(right), scale)
}
