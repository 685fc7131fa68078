import Microstructure

/// Binance's spot market by its binary streams, and by its JSON streams beside them. Snapshots and lists are JSON.
public struct BinanceSBEDialect: VenueDialect {
    private let json = BinanceDialect()

    public init() {}

    private func isBinary(_ frame: MarketFrame) -> Bool { frame.stream.hasPrefix(BinanceSBEEncoder.streamPrefix) }

    public func serve(_ market: SyntheticMarket, delays: ArrivalDelays.Name) -> any SimulatedMarket {
        EncodedMarket(
            market.withDepth(everyNanoseconds: BinanceSBEEncoder.depthInterval),
            BinanceSBEEncoder(market, delays: BinanceDialect.delays(delays)))
    }

    public func play(_ lines: some LineSource, loops: Bool) throws(CaptureError) -> any SimulatedMarket {
        throw CaptureError(line: 1, problem: .otherVenue)
    }

    public func symbol(ofStream name: String) -> String? {
        let prefix = BinanceSBEEncoder.streamPrefix
        return json.symbol(ofStream: name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name)
    }

    // MARK: Reading

    public func trade(in frame: MarketFrame) -> TradeHistory.Trade? { trades(in: frame).first }

    public func trades(in frame: MarketFrame) -> [TradeHistory.Trade] {
        guard isBinary(frame) else { return json.trade(in: frame).map { [$0] } ?? [] }
        guard let layout = SBELayout(frame.bytes), layout.template == .trades, let units = frame.units else {
            return []
        }
        let microseconds: Int64 = SBELayout.integer(frame.bytes, SBELayout.second)
        return layout.prices.map { place in
            let price: Int64 = SBELayout.integer(frame.bytes, place)
            let quantity: Int64 = SBELayout.integer(frame.bytes, place + 8)
            return TradeHistory.Trade(
                id: SBELayout.integer(frame.bytes, place - 8), price: DecimalText.text(price * units.price),
                quantity: DecimalText.text(quantity * units.quantity), milliseconds: microseconds / 1_000,
                aggressor: frame.bytes[place + 16] == 1 ? .sell : .buy)
        }
    }

    public func depthChange(in frame: MarketFrame) -> DepthChange? {
        guard isBinary(frame) else { return json.depthChange(in: frame) }
        guard let layout = SBELayout(frame.bytes), layout.template == .depth, let units = frame.units else {
            return nil
        }
        let levels = layout.prices.map { place in
            PriceLevel(
                price: Price(SBELayout.integer(frame.bytes, place) * units.price),
                quantity: Quantity(SBELayout.integer(frame.bytes, place + 8) * units.quantity))
        }
        return DepthChange(
            firstID: SBELayout.integer(frame.bytes, SBELayout.second),
            lastID: SBELayout.integer(frame.bytes, SBELayout.third), bids: Array(levels[..<layout.count]),
            asks: Array(levels[layout.count...]))
    }

    public func book(in snapshot: [UInt8]) -> SimulatedBook? { json.book(in: snapshot) }

    // MARK: Faults

    /// Moves the times of a frame; binary times are in microseconds.
    public func retimed(_ frame: MarketFrame, byMilliseconds step: Int64) -> MarketFrame {
        guard step != 0, let layout = SBELayout(frame.bytes) else { return frame }
        var bytes = frame.bytes
        let places = layout.template == .trades ? [SBELayout.eventTime, SBELayout.second] : [SBELayout.eventTime]
        for place in places {
            SBELayout.replace(&bytes, at: place, with: SBELayout.integer(bytes, place) &+ step * 1_000 as Int64)
        }
        return frame.with(bytes, payload: 0..<bytes.count)
    }

    public func skippingIDs(_ count: Int64, in frame: MarketFrame) -> MarketFrame? {
        guard isBinary(frame) else { return json.skippingIDs(count, in: frame) }
        guard let layout = SBELayout(frame.bytes), layout.template == .depth else { return nil }
        var bytes = frame.bytes
        let first: Int64 = SBELayout.integer(bytes, SBELayout.second)
        let last: Int64 = SBELayout.integer(bytes, SBELayout.third)
        guard first + count <= last else { return nil }
        SBELayout.replace(&bytes, at: SBELayout.second, with: first + count)
        return frame.with(bytes, payload: 0..<bytes.count)
    }

    /// Bytes behind the symbol, as a later version of the schema may have them: it says that it is one.
    public func padded(_ frame: MarketFrame, toBytes count: Int) -> MarketFrame {
        guard isBinary(frame) else { return json.padded(frame, toBytes: count) }
        var bytes = frame.bytes
        SBELayout.replace(&bytes, at: 6, with: UInt16(1))
        bytes.append(contentsOf: repeatElement(0, count: max(0, count - bytes.count)))
        return frame.with(bytes, payload: 0..<bytes.count)
    }

    /// All prices in units 10⁻⁹ of the listing's, the first one unit higher.
    public func withExcessDecimals(_ frame: MarketFrame) -> MarketFrame? {
        guard isBinary(frame) else { return json.withExcessDecimals(frame) }
        guard let layout = SBELayout(frame.bytes), let first = layout.prices.first else { return nil }
        var bytes = frame.bytes
        let exponent: Int8 = SBELayout.integer(bytes, layout.exponents)
        SBELayout.replace(&bytes, at: layout.exponents, with: exponent - 9)
        for place in layout.prices {
            let price: Int64 = SBELayout.integer(bytes, place)
            let (finer, overflow) = price.multipliedReportingOverflow(by: 1_000_000_000)
            guard !overflow else { return nil }
            SBELayout.replace(&bytes, at: place, with: place == first ? finer + 1 : finer)
        }
        return frame.with(bytes, payload: 0..<bytes.count)
    }

    public func crossed(_ frame: MarketFrame, ask: Int64) -> MarketFrame? {
        guard isBinary(frame) else { return json.crossed(frame, ask: ask) }
        guard let layout = SBELayout(frame.bytes), layout.template == .depth, let units = frame.units else {
            return nil
        }
        var bytes = frame.bytes
        SBELayout.replace(&bytes, at: layout.group + 2, with: UInt16(layout.count + 1))
        var level = [UInt8](repeating: 0, count: SBEMessage.levelLength)
        SBELayout.replace(&level, at: 0, with: (ask + ask / 100) / units.price)
        SBELayout.replace(&level, at: 8, with: 100_000_000 / units.quantity)
        bytes.insert(contentsOf: level, at: layout.group + 4)
        return frame.with(bytes, payload: 0..<bytes.count)
    }
}
