import Microstructure

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

    /// Whether `text` is a valid symbol: 1 to 20 capital letters, digits, dashes, underscores and dots. Letters may be
    /// of any script.
    public static func isSymbol(_ text: String) -> Bool {
        let scalars = text.unicodeScalars
        return (1...20).contains(scalars.count)
            && scalars.enumerated().allSatisfy { index, scalar in
                ["-", "_", "."].contains(scalar)
                    || (SymbolName.allows(scalar, atStart: index == 0) && !scalar.properties.isLowercase)
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
