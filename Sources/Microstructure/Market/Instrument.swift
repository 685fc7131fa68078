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

    /// What is bought and sold, and what it is paid with, as the venue's rules name them: `BTC` and `USD`. Empty if unknown.
    public let baseAsset: String
    public let quoteAsset: String
    /// `nil` on a spot market.
    public let contract: Contract?

    /// What one contract of a derivatives market is.
    public struct Contract: Sendable, Hashable {
        public enum Kind: String, Sendable, Hashable {
            /// Without an end; kept near the spot price by funding.
            case perpetual
            /// Ends on a day.
            case future
        }

        public var kind: Kind
        /// What one contract stands for: an amount of the base asset, of the quote asset if inverse.
        public var size: Double
        /// Sizes count contracts worth a fixed amount of the quote asset, and profit is paid in the base asset.
        public var isInverse: Bool

        public init(_ kind: Kind, size: Double = 1, isInverse: Bool = false) {
            self.kind = kind
            self.size = size
            self.isInverse = isInverse
        }
    }

    /// `BTC-USD`; the bus's spelling if the assets are unknown.
    public var canonicalName: String {
        baseAsset.isEmpty || quoteAsset.isEmpty ? symbol : "\(baseAsset)-\(quoteAsset)"
    }

    /// Accepted exponents. No real instrument lies outside them, and powers of ten stay exact.
    public static let exponentRange: ClosedRange<Int8> = -18...9

    /// - Parameter venueSymbol: the venue's own spelling, if it differs from `symbol`.
    public init(
        venue: Venue, symbol: String, venueSymbol: String? = nil, priceExponent: Int8, quantityExponent: Int8,
        tickSize: Int64 = 1, lotSize: Int64 = 1, baseAsset: String = "", quoteAsset: String = "",
        contract: Contract? = nil
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
        self.baseAsset = baseAsset
        self.quoteAsset = quoteAsset
        self.contract = contract
    }

    /// `price` in the quote asset.
    public func value(_ price: Price) -> Double { Decimal10.value(price.mantissa, exponent: priceExponent) }

    /// `quantity` in the base asset.
    public func value(_ quantity: Quantity) -> Double {
        Decimal10.value(quantity.mantissa, exponent: quantityExponent)
    }
}
