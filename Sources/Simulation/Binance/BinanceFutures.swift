import Microstructure

/// Which of Binance's futures markets.
public enum BinanceFutures: Sendable, Hashable {
    /// Margined in stablecoins (USD-M): sizes are of the base asset.
    case usdm
    /// Margined in the coin (COIN-M): sizes are whole contracts of a sum of dollars.
    case coinm

    /// Update ids that the whole market counts for one change of this instrument.
    static let idsPerUpdate: Int64 = 3

    /// What one contract of COIN-M stands for, in dollars.
    public static func contractSize(of baseAsset: String) -> Int64 { baseAsset == "BTC" ? 100 : 10 }

    /// The market's listing at the venue: `BTCUSDT`, on COIN-M `BTCUSD_PERP`.
    public func listing(of listing: Listing) -> Listing {
        guard self == .coinm else { return listing }
        var contract = listing
        contract.symbol = "\(listing.baseAsset)USD_PERP"
        contract.quoteAsset = "USD"
        contract.stepSize = 100_000_000
        return contract
    }
}

/// Writes the numbers of a futures market: digits as many as needed, sizes of COIN-M in contracts.
struct BinanceFuturesNumbers: Sendable {
    private let numbers: NumberWriter
    /// Contracts per unit of price times size; `nil` where sizes are of the base asset.
    private let contractsPerUnit: Double?

    init(_ listing: Listing, _ market: BinanceFutures) {
        numbers = NumberWriter(listing)
        let units = Double(listing.priceUnit.hundredMillionths) * Double(listing.quantityUnit.hundredMillionths) / 1e16
        contractsPerUnit = market == .coinm ? units / Double(BinanceFutures.contractSize(of: listing.baseAsset)) : nil
    }

    /// `"61837.6"`.
    func append(_ price: Price, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        numbers.append(price, to: &text)
        text.append(UInt8(ascii: "\""))
    }

    /// A size at a price. One that is not zero is at least one contract.
    func append(_ quantity: Quantity, at price: Price, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        if let contractsPerUnit {
            let contracts = (Double(quantity.mantissa) * Double(price.mantissa) * contractsPerUnit).rounded()
            DecimalText.append(integer: quantity == .zero ? 0 : max(1, Int64(contracts)), to: &text)
        } else {
            numbers.append(quantity, to: &text)
        }
        text.append(UInt8(ascii: "\""))
    }

    /// `["61837.6","0.5"],…`.
    func append(_ levels: some Sequence<PriceLevel>, to text: inout [UInt8]) {
        var isFirst = true
        for level in levels {
            text.append(contentsOf: (isFirst ? "[" : ",[").utf8)
            isFirst = false
            append(level.price, to: &text)
            text.append(UInt8(ascii: ","))
            append(level.quantity, at: level.price, to: &text)
            text.append(UInt8(ascii: "]"))
        }
    }
}
