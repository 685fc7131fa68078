/// Index of an instrument in its process's table of instruments. Not stable across processes: between processes, use
/// venue and symbol.
public struct InstrumentID: Sendable, Hashable {
    public var index: Int

    public init(_ index: Int) { self.index = index }
}

/// A tradable instrument: a symbol at a venue, with the decimal scale of its prices and sizes.
public struct Instrument: Sendable, Hashable {
    public let venue: Venue
    /// The spelling on the bus: upper case without separators, e.g. `BTCUSDT`.
    public let symbol: String
    /// The venue's own spelling, e.g. `BTC/USDT`.
    public let venueSymbol: String
    /// One price unit is `10^priceExponent` of the quote asset. Range −18…9.
    public let priceExponent: Int8
    /// One quantity unit is `10^quantityExponent` of the base asset. Range −18…9.
    public let quantityExponent: Int8
    /// Smallest price step, in price units; at least 1.
    public let tickSize: Int64
    /// Smallest quantity step, in quantity units; at least 1.
    public let lotSize: Int64

    /// Accepted exponents. No real instrument lies outside them, and powers of ten stay exact.
    public static let exponentRange: ClosedRange<Int8> = -18...9

    /// - Parameter venueSymbol: the venue's own spelling, if it differs from `symbol`.
    public init(
        venue: Venue, symbol: String, venueSymbol: String? = nil, priceExponent: Int8, quantityExponent: Int8,
        tickSize: Int64 = 1, lotSize: Int64 = 1
    ) {
        precondition(Self.exponentRange.contains(priceExponent) && Self.exponentRange.contains(quantityExponent))
        precondition(tickSize >= 1 && lotSize >= 1)
        self.venue = venue
        self.symbol = symbol
        self.venueSymbol = venueSymbol ?? symbol
        self.priceExponent = priceExponent
        self.quantityExponent = quantityExponent
        self.tickSize = tickSize
        self.lotSize = lotSize
    }

    /// `price` in the quote asset.
    public func value(_ price: Price) -> Double { Decimal10.value(price.mantissa, exponent: priceExponent) }

    /// `quantity` in the base asset.
    public func value(_ quantity: Quantity) -> Double {
        Decimal10.value(quantity.mantissa, exponent: quantityExponent)
    }
}
