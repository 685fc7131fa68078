import Microstructure

/// A venue that sends its books in the stream.
public struct StreamDialect<Writer: StreamWriter>: VenueDialect {
    public init() {}

    public func serve(_ market: SyntheticMarket, delays: ArrivalDelays.Name) -> any SimulatedMarket {
        EncodedMarket(market, StreamEncoder<Writer>(market))
    }

    public func play(_ lines: some LineSource, loops: Bool) throws(CaptureError) -> any SimulatedMarket {
        throw CaptureError(line: 1, problem: .otherVenue)
    }

    public func symbol(ofStream name: String) -> String? { StreamName.symbol(of: name) }

    public func trade(in frame: MarketFrame) -> TradeHistory.Trade? {
        guard case .trade(let id, let price, let quantity, let aggressor) = frame.event?.content,
            let units = frame.units, let time = frame.event?.time
        else { return nil }
        return TradeHistory.Trade(
            id: id, price: DecimalText.text(price.mantissa * units.price),
            quantity: DecimalText.text(quantity.mantissa * units.quantity),
            milliseconds: time.bucket(width: 1_000_000), aggressor: aggressor)
    }

    public func depthChange(in frame: MarketFrame) -> DepthChange? {
        guard case .depth(var change) = frame.event?.content, let units = frame.units else { return nil }
        func scaled(_ level: PriceLevel) -> PriceLevel {
            PriceLevel(
                price: Price(level.price.mantissa * units.price),
                quantity: Quantity(level.quantity.mantissa * units.quantity))
        }
        change.bids = change.bids.map(scaled)
        change.asks = change.asks.map(scaled)
        return change
    }

    /// Nil: `SimulatedMarket.book(limit:)` tells it.
    public func book(in snapshot: [UInt8]) -> SimulatedBook? { nil }

    // MARK: Faults

    /// Nil: their numbers are the connections', which skip them where the venue has any.
    public func skippingIDs(_ count: Int64, in frame: MarketFrame) -> MarketFrame? { nil }

    public func padded(_ frame: MarketFrame, toBytes count: Int) -> MarketFrame {
        guard frame.bytes.first == UInt8(ascii: "{") else { return frame }
        let filling = max(0, count - frame.bytes.count)
        let member =
            Array(#""filling":""#.utf8) + Array(repeating: UInt8(ascii: " "), count: filling) + Array(#"","#.utf8)
        let bytes = [UInt8(ascii: "{")] + member + frame.bytes[1...]
        return frame.with(bytes, payload: 0..<bytes.count)
    }

    /// More digits behind the first decimal point that follows the symbol's levels.
    public func withExcessDecimals(_ frame: MarketFrame) -> MarketFrame? {
        guard frame.kind != .other, let start = frame.bytes.firstIndex(of: UInt8(ascii: "[")) else { return nil }
        var place = start
        while let point = frame.bytes[place...].firstIndex(of: UInt8(ascii: ".")) {
            var end = point + 1
            while end < frame.bytes.count, frame.bytes[end] &- UInt8(ascii: "0") <= 9 { end += 1 }
            // A fraction of a second ends in Z.
            if end < frame.bytes.count, frame.bytes[end] != UInt8(ascii: "Z"), end > point + 1 {
                let bytes = Array(frame.bytes[..<end]) + Array("0000000000001".utf8) + frame.bytes[end...]
                return frame.with(bytes, payload: 0..<bytes.count)
            }
            place = point + 1
        }
        return nil
    }

    /// A venue's checksum finds the level, since it is not in its book; else only the crossed book shows it.
    public func crossed(_ frame: MarketFrame, ask: Int64) -> MarketFrame? {
        guard frame.kind == .depth, let price = frame.priceText(above: ask), let bid = Writer.bid(at: price),
            let place = frame.bytes.firstRange(of: Array(bid.mark.utf8))?.upperBound
        else { return nil }
        let isAlone = frame.bytes[place] == UInt8(ascii: "]")
        let bytes = Array(frame.bytes[..<place]) + Array((bid.text + (isAlone ? "" : ",")).utf8) + frame.bytes[place...]
        return frame.with(bytes, payload: 0..<bytes.count)
    }
}

extension MarketFrame {
    /// A price one percent above `ask` (10⁻⁸) in the listing's unit; `nil` for a frame of a recording.
    public func priceText(above ask: Int64) -> String? {
        guard let unit = units?.price else { return nil }
        var text: [UInt8] = []
        DecimalText.append((ask + ask / 100) / unit * unit, exponent: -8, to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}
