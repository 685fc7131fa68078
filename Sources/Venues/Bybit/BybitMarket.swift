import Microstructure

/// Bybit's markets. Each has its own address and its own numbering of changes; a name such as `BTCUSDT` stands for
/// another instrument in each.
public enum BybitMarket: String, Sendable, Hashable, CaseIterable {
    case spot
    /// Perpetuals and futures paid in USDT or USDC; sizes count the base asset.
    case linear
    /// Perpetuals and futures paid in the coin; sizes count dollars.
    case inverse

    public var venue: Venue {
        switch self {
        case .spot: .bybit
        case .linear: .bybitLinear
        case .inverse: .bybitInverse
        }
    }

    /// The name by which configuration chooses it.
    var endpointName: String {
        switch self {
        case .spot: "bybit"
        case .linear: "bybit-linear"
        case .inverse: "bybit-inverse"
        }
    }

    /// The category in requests, and the last part of the stream's path.
    var category: String { rawValue }

    /// Topics in one message that subscribes. Futures have no limit; theirs keeps a message below 4 kB.
    var topicLimit: Int { self == .spot ? 10 : 100 }

    /// What one contract is, by the symbol alone: `BTCUSDT` and `BTCPERP` are perpetual, `BTCUSDT-26DEC25` and
    /// `BTCUSDZ25` end.
    func contract(named symbol: String) -> Instrument.Contract? {
        guard self != .spot else { return nil }
        let endsInDigit = symbol.utf8.last.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
        let isFuture = endsInDigit || symbol.contains("-")
        return Instrument.Contract(isFuture ? .future : .perpetual, isInverse: self == .inverse)
    }
}
