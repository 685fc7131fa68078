/// A market's entry in an exchange's list of symbols.
public struct Listing: Sendable, Hashable {
    /// Upper case, e.g. `BTCUSDT`. A venue with another spelling derives it from the assets.
    public var symbol: String
    public var baseAsset: String
    public var quoteAsset: String
    /// Smallest price step in 10⁻⁸ of the quote asset.
    public var tickSize: Int64
    /// Smallest size step in 10⁻⁸ of the base asset.
    public var stepSize: Int64

    public init(symbol: String, baseAsset: String, quoteAsset: String, tickSize: Int64, stepSize: Int64) {
        self.symbol = symbol
        self.baseAsset = baseAsset
        self.quoteAsset = quoteAsset
        self.tickSize = tickSize
        self.stepSize = stepSize
    }

    /// Whether `text` is a valid symbol: 1 to 20 capital letters, digits, dashes, underscores and dots.
    public static func isSymbol(_ text: String) -> Bool {
        (1...20).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || [0x2D, 0x5F, 0x2E].contains($0)
            }
    }

    /// Splits `symbol` into its assets by the known quote assets; the quote asset is empty if none fits.
    public static func assets(of symbol: String) -> (base: String, quote: String) {
        let quotes = ["FDUSD", "USDT", "USDC", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY", "USD"]
        guard let quote = quotes.first(where: { symbol.hasSuffix($0) && symbol.utf8.count > $0.utf8.count }) else {
            return (symbol, "")
        }
        return (String(symbol.dropLast(quote.utf8.count)), quote)
    }

    /// The unit of the prices in this market's events.
    public var priceUnit: DecimalUnit { DecimalUnit(holding: tickSize) }

    /// The unit of the sizes in this market's events.
    public var quantityUnit: DecimalUnit { DecimalUnit(holding: stepSize) }
}

/// The coarsest decimal unit in which a step is a whole number: 0.01000000 is 1 in units of 10⁻².
public struct DecimalUnit: Sendable, Hashable {
    /// The unit is 10 to this power; −8 or more.
    public let exponent: Int8
    /// The step in this unit.
    public let step: Int64
    /// The unit itself in 10⁻⁸.
    let hundredMillionths: Int64

    /// - Parameter step: in 10⁻⁸; above 0.
    init(holding step: Int64) {
        precondition(step > 0)
        var (exponent, step, unit) = (Int8(-8), step, Int64(1))
        while step % 10 == 0 { (exponent, step, unit) = (exponent + 1, step / 10, unit * 10) }
        (self.exponent, self.step, hundredMillionths) = (exponent, step, unit)
    }
}
